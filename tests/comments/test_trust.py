"""Changes by a trusted author to name, email or website are held before they are public."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.lib import clock
from app.models import Author, Comment, Effect, Moderator, Site, Status, Subject
from app.screening import rules
from tests.cast import Reader, a_site, move, the_comment

FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"}
NEWER_FIREFOX = {"User-Agent": FIREFOX["User-Agent"].replace("133", "134")}
CHROME = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36"}
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.1"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, approvals_needed=1)


@pytest.fixture
def hanako(client: FlaskClient, alice: Moderator, db_session: Session) -> Reader:
    """An author with one approved comment."""
    reader = Reader(client, peer=HOME)
    assert reader.post("the first", headers=FIREFOX).status_code == 202
    move(db_session, the_comment(db_session, "the first"), Status.APPROVED, by=alice)
    return reader


def held_for(db_session: Session, body: str) -> list[str]:
    found = [reason for reason in the_comment(db_session, body).reasons if reason["check"] == "changed"]
    return found[0]["what"] if found else []


def test_an_author_who_stays_the_same_is_published(hanako: Reader) -> None:
    assert [hanako.post(f"post {n}", headers=FIREFOX).status_code for n in range(3)] == [201] * 3


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"name": "Bank of Hanako"}, "name"),
        ({"email": "other@readers.example"}, "email"),
        ({"website": "https://casino.example/"}, "website"),
    ],
)
def test_a_changed_name_address_or_website_is_held_until_a_moderator_approves_it(
    hanako: Reader, alice: Moderator, db_session: Session, changed: dict[str, str], what: str
) -> None:
    assert hanako.post("changed", headers=FIREFOX, **changed).status_code == 202
    assert held_for(db_session, "changed") == [what]
    assert hanako.post("changed, again", headers=FIREFOX, **changed).status_code == 202, "held is not approved"
    assert held_for(db_session, "changed, again") == ["identity"]
    move(db_session, the_comment(db_session, "changed, again"), Status.APPROVED, by=alice)
    assert hanako.post("and further", headers=FIREFOX, **changed).status_code == 201


def test_a_hold_for_a_change_keeps_the_authors_trust(hanako: Reader) -> None:
    assert hanako.post("changed", headers=FIREFOX, name="Someone").status_code == 202
    assert hanako.post("as before", headers=FIREFOX).status_code == 201


@pytest.mark.parametrize(
    ("typed", "alike"), [({"name": "hanako"}, True), ({"email": "HANAKO@readers.example"}, True), ({"name": ""}, False)]
)
def test_a_change_of_case_is_no_change(
    hanako: Reader, paper: Site, db_session: Session, typed: dict[str, str], alike: bool
) -> None:
    paper.name_required = False
    db_session.commit()
    assert (hanako.post("again", headers=FIREFOX, **typed).status_code == 201) is alike


def test_another_network_or_a_newer_browser_is_the_same_author_and_both_at_once_are_not(
    hanako: Reader, alice: Moderator, db_session: Session
) -> None:
    assert hanako.post("updated", headers=NEWER_FIREFOX).status_code == 201
    hanako.peer = ELSEWHERE
    assert hanako.post("on the train", headers=FIREFOX).status_code == 201
    assert hanako.post("another browser", headers=CHROME).status_code == 201
    hanako.peer = HOME
    assert hanako.post("stolen", headers=FIREFOX).status_code == 202
    assert held_for(db_session, "stolen") == ["place"]
    assert hanako.post("stolen, again", headers=FIREFOX).status_code == 202
    move(db_session, the_comment(db_session, "stolen"), Status.APPROVED, by=alice)
    assert hanako.post("hers after all", headers=FIREFOX).status_code == 201


def test_changes_by_an_author_trusted_by_a_rule_are_held_too(
    hanako: Reader, alice: Moderator, db_session: Session
) -> None:
    id, site = the_comment(db_session, "the first").author_id, db_session.query(Site).one()
    rules.create([rules.draft(site, Subject.AUTHOR, Effect.ALLOW, str(id))], by=alice)
    db_session.commit()
    assert hanako.post("trusted", headers=FIREFOX).status_code == 201
    assert hanako.post("changed", headers=FIREFOX, name="Someone").status_code == 202


def test_no_hold_for_a_change_where_no_approval_is_needed(hanako: Reader, paper: Site, db_session: Session) -> None:
    paper.approvals_needed = 0
    db_session.commit()
    hanako.peer = ELSEWHERE
    assert hanako.post("changed", headers=CHROME, name="Someone", website="https://a.example/").status_code == 201


def test_a_new_secret_key_holds_no_comment_while_the_old_one_is_known(
    app: Flask, hanako: Reader, db_session: Session
) -> None:
    app.config["SECRET_KEY"], app.config["SECRET_KEY_FALLBACKS"] = "n" * 64, ["k" * 64]
    assert hanako.post("after the rotation", headers=FIREFOX).status_code == 201


def test_only_keyed_hashes_are_kept_and_they_are_forgotten(hanako: Reader, db_session: Session) -> None:
    hanako.post("again", headers=FIREFOX)
    db_session.expire_all()
    author = db_session.query(Author).one()
    kept = (author.vouched_index, author.network_index, author.traits_index)
    assert all(kept) and not any("firefox" in str(each).casefold() or "192" in str(each)[:3] for each in kept)
    author.erase()
    assert (author.vouched_index, author.network_index, author.traits_index) == (None, None, None)
    author.remember_place("n", "t"), author.vouch("a", "b")
    assert author.vouched_index is author.network_index is None, "nor does it come back"


def test_the_network_and_the_browser_of_a_silent_author_are_forgotten(
    app: Flask, hanako: Reader, db_session: Session
) -> None:
    hanako.post("again", headers=FIREFOX)
    for age, left in ((89, True), (91, False)):
        then = clock.now() - timedelta(days=age)
        db_session.execute(update(Comment).values(created_at=then))
        db_session.commit()
        app.test_cli_runner().invoke(args=["upkeep", "prune"])
        db_session.expire_all()
        assert (db_session.query(Author.traits_index).scalar() is not None) is left
        db_session.commit()


def test_a_day_has_a_cap_for_each_author(hanako: Reader, paper: Site, db_session: Session) -> None:
    paper.daily_per_author = 3
    db_session.commit()
    assert [hanako.post(f"post {n}", headers=FIREFOX).status_code for n in range(3)] == [201, 201, 429]
    refused = hanako.post("too many", headers=FIREFOX)
    assert "too many" in refused.text and "24 時間以内に 3 件" in refused.text
    assert int(refused.headers["Retry-After"]) >= 3600
    db_session.execute(update(Comment).values(created_at=clock.now() - timedelta(hours=25)))
    db_session.commit()
    assert hanako.post("the next day", headers=FIREFOX).status_code == 201
