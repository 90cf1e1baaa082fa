"""A value that no key decrypts is shown as unreadable, and breaks no page, export, worker or email."""

import csv
import io
import json
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.lib.clock import now
from app.lib.secrets import Encrypted, Unreadable, is_unreadable
from app.lib.signing import sign
from app.models import Author, Delivery, Invitation, Moderator, Note, Site
from app.moderation.akismet_worker import CARRIERS
from app.notify import outbox
from tests import sample_installation
from tests.cast import Reader, the_comment
from tests.sample_installation import HANAKO, WORDS
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk
from tests.web.test_sites import fields_of


@pytest.fixture
def spoilt(app: Flask, db_session: Session) -> dict[str, list[str]]:
    sample_installation.fill_database(app.test_client(), db_session)
    return sample_installation.make_unreadable(db_session)


@pytest.fixture
def desk(app: Flask, db_session: Session) -> FlaskClient:
    """Logged in before the values became unreadable."""
    sample_installation.fill_database(app.test_client(), db_session)
    return at_the_desk(app)


def test_an_unreadable_value_is_neither_empty_nor_text() -> None:
    value = Unreadable("ciphertext")
    assert not value and value != "" and value != "(unreadable)" and value == Unreadable("ciphertext")
    assert is_unreadable(value) and not is_unreadable("") and json.dumps(value) == '"(unreadable)"'


def test_no_page_breaks_and_the_desk_marks_unreadable_values(
    app: Flask, desk: FlaskClient, db_session: Session
) -> None:
    sample_installation.make_unreadable(db_session)
    ids = {"comment": the_comment(db_session, WORDS).id, "key": "paper", "decision": 1}
    visited = 0
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()):
            continue
        given = {name: "paper" if name == "key" else ids["comment"] for name in rule.arguments}
        with app.test_request_context():
            path = app.url_map.bind("localhost").build(rule.endpoint, given, append_unknown=False)
        query = {"site": "paper", "url": "https://paper.example/story"}
        answer = desk.get(path, headers=ENGLISH, query_string=query, buffered=True)
        assert answer.status_code < 500, path
        visited += 1
    assert visited > 40
    card = desk.get("/moderate/search", query_string={"q": "ferry"}, headers=ENGLISH)
    shown = BeautifulSoup(card.text, "html.parser")
    assert shown.text.count("(unreadable)") >= 3  # network, email, note
    for path in ("/sites/paper/moderators", "/sites/paper/rules"):
        assert "(unreadable)" in desk.get(path, headers=ENGLISH).text, path
    for search in ({"email": HANAKO}, {"q": "ferry"}):
        assert "(unreadable)" in desk.get("/moderate/search", query_string=search, headers=ENGLISH).text


def test_it_is_said_in_japanese_too(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    sample_installation.make_unreadable(db_session)
    page = desk.get("/sites/paper/moderators", headers={"Accept-Language": "ja"}).text
    assert "（読めません）" in page


def test_settings_that_are_saved_keep_what_cannot_be_read(desk: FlaskClient, db_session: Session) -> None:
    spoilt = sample_installation.make_unreadable(db_session)
    page = desk.get("/sites/paper/settings", headers=ENGLISH)
    fields = fields_of(page, "/sites/paper/settings")
    assert fields["akismet_key"] == ""
    assert desk.post("/sites/paper/settings", data=fields | {"name": "New name"}).status_code == 303
    site = db_session.query(Site).one()
    db_session.refresh(site)
    assert site.name == "New name" and is_unreadable(site.akismet_key)
    assert sample_installation.stored(Encrypted)["site.akismet_key"] == spoilt["site.akismet_key"]
    assert desk.post("/sites/paper/settings", data=fields | {"akismet_key": "abc"}).status_code == 303
    db_session.refresh(site)
    assert site.akismet_key == "abc"


def test_writing_it_back_keeps_the_ciphertext_and_erasing_it_does_not(
    spoilt: dict[str, list[str]], db_session: Session
) -> None:
    author = db_session.query(Author).order_by(Author.id).first()
    assert author is not None
    author.email, author.name = author.email, "New"
    note, copy = db_session.query(Note).one(), Note(site_id=1, comment_id=1, text=db_session.query(Note).one().text)
    db_session.add(copy)
    db_session.commit()
    assert copy.text == note.text and sample_installation.stored(Encrypted)["author.email"] == spoilt["author.email"]
    author.email = ""
    db_session.commit()
    assert len(sample_installation.stored(Encrypted)["author.email"]) == len(spoilt["author.email"]) - 1


def test_every_export_goes_through(app: Flask, spoilt: dict[str, list[str]], db_session: Session) -> None:
    run = app.test_cli_runner().invoke
    for form in ("kaiwa", "wxr", "csv"):
        done = run(args=["export", "--site", "paper", "--format", form])
        assert done.exit_code == 0, form
        assert WORDS in done.output and not any(each in done.output for each in spoilt["author.email"])
        if form == "csv":
            row = next(csv.DictReader(io.StringIO(done.output.lstrip("\ufeff"))))
            assert row["email"] in ("(unreadable)", "（読めません）")
    told = json.loads(run(args=["person", "export", HANAKO, "--json"]).output)
    assert told["authors"][0]["email"] == told["comments"][0]["network"] == "(unreadable)"
    assert told["comments"][0]["notes"] == ["(unreadable)"]
    for command in (["moderator", "list"], ["rule", "list", "paper"], ["site", "show", "paper", "--json"]):
        assert run(args=command).exit_code == 0, command
    found = json.loads(run(args=["check", "--json"]).output)["findings"]
    named = {each["wrong"].split()[0] for each in found if each["code"] == "unreadable"}
    assert named == {name for name, values in spoilt.items() if values}


def test_an_archive_leaves_it_empty_and_comes_in_elsewhere(
    app: Flask, spoilt: dict[str, list[str]], db_session: Session, tmp_path
) -> None:
    run = app.test_cli_runner().invoke
    file = tmp_path / "paper.jsonl"
    assert run(args=["export", "--site", "paper", "--output", str(file)]).exit_code == 0
    text = file.read_text()
    assert "unreadable" not in text
    assert all(json.loads(line)["ended_at"] for line in text.splitlines() if json.loads(line).get("type") == "rule")


def test_one_delivery_that_cannot_be_read_stops_no_other(app: Flask, db_session: Session, smtp: MailServer) -> None:
    site, alice = sample_installation.fill_database(app.test_client(), db_session)
    # An announcement and a digest have no content yet; an announcement waits for the undo window.
    kinds = {each.kind for each in db_session.query(Delivery)} - {"announce", "digest"}
    assert {"confirm", "invitation", "akismet"} <= kinds
    sample_installation.make_unreadable(db_session)
    # A moderator whose address is readable still gets the email.
    alice.email = "alice@moderators.example"
    outbox.add("flood", moderator_id=alice.id, payload=str(site.id))
    db_session.commit()
    while outbox.run_once(CARRIERS) or outbox.run_once():
        pass
    assert {received.message["To"] for received in smtp.emails} == {"Alice <alice@moderators.example>"}
    for _ in range(outbox.TRIES_WHEN_REFUSED_FOR_GOOD):
        for each in db_session.query(Delivery).filter(Delivery.done_at.is_(None)):
            each.due_at = now() - timedelta(minutes=1)
        db_session.commit()
        while outbox.run_once(CARRIERS) or outbox.run_once():
            pass
    db_session.expire_all()
    ends = {each.kind: each.outcome for each in db_session.query(Delivery)}
    assert ends["flood"] == "sent" and {ends[kind] for kind in kinds} == {"gave up"}
    assert 'kaiwa_outbox_deliveries_total{kind="confirm",outcome="gave_up"}' in app.test_client().get("/metrics").text
    codes = json.loads(app.test_cli_runner().invoke(args=["check", "--json"]).output)["findings"]
    assert "given-up" in {each["code"] for each in codes}


def test_screening_goes_on_with_what_can_be_read(app: Flask, spoilt: dict[str, list[str]], db_session: Session) -> None:
    reader = Reader(app.test_client(), email=HANAKO)
    assert reader.post("Casino (unreadable) in the ferry.").status_code == 202
    comment = the_comment(db_session, "Casino (unreadable) in the ferry.")
    assert comment.status == "pending" and {each["check"] for each in comment.reasons} >= {"akismet"}
    assert "words" not in {each["check"] for each in comment.reasons}


def test_an_invitation_to_an_address_that_cannot_be_read_is_not_accepted(
    app: Flask, spoilt: dict[str, list[str]], db_session: Session
) -> None:
    with app.test_request_context():
        token = sign("invitation", db_session.query(Invitation).one().id)
    before = db_session.query(Moderator).count()
    db_session.commit()
    assert app.test_client().get(f"/invitation/{token}").status_code == 410
    assert db_session.query(Moderator).count() == before
