"""Log-ins and administration are in the audit log, which only owners read."""

import csv
import io
import json

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import guessing
from app.forms.audit import KINDS
from app.models import AuditEvent, Membership, Moderator, Rate, Role, Site, audit
from app.models.audit import Event
from app.web.audit_words import EVENTS, changes, details
from tests.cast import PASSWORD, Reader, a_moderator, a_site, the_comment
from tests.web.test_members import press
from tests.web.test_queue import ENGLISH, at_the_desk, hidden
from tests.web.test_sites import fields_of

PAGE = "/moderate/log/audit"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", hold_all=True)


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, role=Role.OWNER)


def log(db_session: Session) -> list[AuditEvent]:
    db_session.expire_all()
    rows = db_session.query(AuditEvent).order_by(AuditEvent.id).all()
    db_session.commit()
    return rows


def newest(db_session: Session) -> AuditEvent:
    return log(db_session)[-1]


def events(db_session: Session) -> list[str]:
    return [row.event for row in log(db_session)]


def save(desk: FlaskClient, **changed: str) -> TestResponse:
    """Send the settings form with some other values."""
    path = "/sites/paper/settings"
    return desk.post(path, data=fields_of(desk.get(path), path) | changed)


def download(desk: FlaskClient, path: str, page: str = PAGE, **fields: str) -> TestResponse:
    token = hidden(desk.get(page), "csrf_token")
    return desk.post(path, data={"csrf_token": token, **fields}, buffered=True)


def log_in(app: Flask, email: str, password: str) -> FlaskClient:
    client = app.test_client()
    fields = {"email": email, "password": password, "csrf_token": hidden(client.get("/login"), "csrf_token")}
    client.post("/login", data=fields, environ_base={"REMOTE_ADDR": "198.51.100.7"})
    return client


def test_log_ins_failures_and_log_outs_are_recorded_with_the_network(
    app: Flask, db_session: Session, alice: Moderator
) -> None:
    log_in(app, alice.email, "a wrong password")
    log_in(app, "my password, typed into the wrong field", "x")
    desk = log_in(app, alice.email, PASSWORD)
    desk.post("/logout", data={"csrf_token": hidden(desk.get(PAGE), "csrf_token")})
    rows = log(db_session)
    assert [row.event for row in rows] == ["login_failed", "login_failed", "login", "logout"]
    assert [row.account_id for row in rows] == [alice.id, None, alice.id, alice.id]
    assert {row.network for row in rows[:3]} == {"198.51.100.0/24"}
    assert "wrong field" not in str([vars(row) for row in rows]) and alice.email not in str([vars(row) for row in rows])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_made_up_accounts_do_not_fill_the_log(
    app: Flask, db_session: Session, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "UNKNOWN_RECORDED", Rate(2, 3600))
    for number in range(4):
        log_in(app, f"nobody{number}@moderators.example", "x")
    log_in(app, alice.email, "a wrong password")
    assert [row.account_id for row in log(db_session)] == [None, None, alice.id]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_changed_settings_are_recorded_with_both_values_and_without_secrets(
    desk: FlaskClient, db_session: Session, paper: Site
) -> None:
    assert save(desk, akismet_key="0123456789ab", staff_badge="Newsroom").status_code == 303
    row = newest(db_session)
    changes = row.said["changes"]
    assert (row.event, row.site, row.actor_name) == ("settings_changed", "paper", "Alice")
    assert changes["staff_badge"] == ["", "Newsroom"] and changes["akismet_key"] == ["", "(set)"]
    assert "name" not in changes, "it stayed"
    press(desk, "/sites/paper/embed/key", "/sites/paper/embed")
    assert newest(db_session).said["changes"] == {"state_key": ["", "(set)"]}
    db_session.refresh(paper)
    kept = str([each.details for each in log(db_session)])
    assert "0123456789ab" not in kept and paper.state_key not in kept
    page = desk.get(PAGE, headers=ENGLISH).text
    assert "Badge of staff" in page and "Newsroom" in page
    before = events(db_session)
    assert save(desk).status_code == 303
    assert events(db_session) == before, "nothing changed"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_members_rules_blocks_and_exports_are_recorded(
    app: Flask, desk: FlaskClient, db_session: Session, paper: Site
) -> None:
    bob = a_moderator(db_session, paper, "bob").id
    page = "/sites/paper/moderators"
    press(desk, page, email="new@moderators.example", role="owner")
    assert newest(db_session).said | {"invitation": 1} == {
        "email": "n…@moderators.example", "role": "owner", "invitation": 1,
    }  # fmt: skip
    press(desk, f"{page}/{bob}/role", role="admin")
    assert newest(db_session).said == {"before": "moderator", "role": "admin"}
    press(desk, f"{page}/{bob}/role", role="admin")
    press(desk, f"{page}/{bob}/remove")
    press(desk, f"{page}/invitations/1/withdraw")
    press(desk, "/sites/paper/rules", "/sites/paper/rules", subject="word", value="casino", effect="spam")
    press(desk, "/sites/paper/rules/1/end", "/sites/paper/rules")
    Reader(app.test_client()).post("Hello.")
    comment = the_comment(db_session, "Hello.")
    what = f"author {comment.author_id}"
    press(desk, f"/moderate/comments/{comment.id}/block", "/moderate/log", what=what, days="0")
    assert newest(db_session).said | {"rule": 2} == {"rule": 2, "subject": "author", "effect": "spam"}
    press(desk, "/sites/paper/export", "/sites/paper/import", format="csv")
    person = {"email": "hanako@readers.example"}
    download(desk, "/sites/paper/people/export", "/sites/paper/people", **person)
    press(desk, "/sites/paper/people/erase", "/sites/paper/people", **person, text="keep", sure="y")
    assert events(db_session)[1:] == [
        "invited", "role_changed", "member_removed", "invitation_revoked", "rule_added", "rule_ended", "rule_added",
        "export_started", "person_exported", "rule_ended", "person_erased",
    ]  # fmt: skip
    told = str([(row.details, row.actor_name) for row in log(db_session)])
    assert "hanako" not in told and "casino" not in told
    assert {row.actor_name for row in log(db_session)} == {"Alice"}
    assert "hanako@" not in desk.get(PAGE).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_commands_are_recorded_as_the_operators(app: Flask, db_session: Session, tmp_path) -> None:
    def run(*words: str) -> None:
        done = app.test_cli_runner().invoke(args=list(words), input=f"{PASSWORD}\n")
        assert done.exit_code == 0, done.output

    run("site", "add", "news", "--name", "News", "--origin", "https://news.example", "--timezone", "UTC")
    run("site", "set", "news", "hold_all=no")
    run("moderator", "add", "olga@news.example", "--name", "Olga", "--site", "news", "--password-stdin")
    run("moderator", "operator", "olga@news.example")
    run("moderator", "operator", "olga@news.example")
    run("moderator", "password", "olga@news.example", "--password-stdin")
    run("rule", "add", "news", "word", "casino")
    run("export", "--site", "news", "--output", str(tmp_path / "news.jsonl"))
    run("upkeep", "backup", str(tmp_path / "backup"))
    run("upkeep", "restore-check", str(tmp_path / "backup"))
    run("moderator", "remove", "olga@news.example")
    run("site", "remove", "news", "--yes")
    assert events(db_session) == [
        "site_added", "settings_changed", "account_made", "role_given", "operator_changed", "password_changed",
        "rule_added", "exported", "backup_made", "backup_checked", "account_removed", "site_removed",
    ]  # fmt: skip
    assert {(row.actor, row.actor_id) for row in log(db_session)} == {("operator", None)}
    run("upkeep", "verify-log")


def test_owners_see_their_sites_and_members_only(app: Flask, db_session: Session, desk: FlaskClient) -> None:
    other = a_site(db_session, "other", lang="en")
    a_moderator(db_session, other, "olga", Role.OWNER)
    a_moderator(db_session, other, "mallory", Role.ADMIN)
    olga = at_the_desk(app, "olga")
    press(olga, "/sites/other/rules", "/sites/other/rules", subject="word", value="casino", effect="spam")
    seen = desk.get(PAGE, headers=ENGLISH).text
    assert "Alice" in seen and "Olga" not in seen and "Rule added" not in seen.split("</form>")[-1]
    assert "Rule added" in olga.get(PAGE, headers=ENGLISH).text
    assert desk.get(f"{PAGE}?site=other").status_code == 404
    mallory = at_the_desk(app, "mallory")
    assert mallory.get(PAGE).status_code == 403
    assert 'href="/moderate/log/audit"' not in mallory.get("/moderate/log").text
    token = hidden(mallory.get("/moderate/log"), "csrf_token")
    assert mallory.post(f"{PAGE}/csv", data={"csrf_token": token}).status_code == 403
    db_session.query(Moderator).filter_by(name="Mallory").one().is_operator = True
    db_session.commit()
    everything = mallory.get(PAGE, headers=ENGLISH).text
    assert all(name in everything for name in ("Alice", "Olga", "Mallory"))


def test_an_owner_sees_no_log_in_of_a_member_from_before_they_joined(
    app: Flask, db_session: Session, desk: FlaskClient
) -> None:
    other = a_site(db_session, "other", lang="en")
    olga = a_moderator(db_session, other, "olga")
    at_the_desk(app, "olga")
    paper = db_session.query(Site).filter_by(key="paper").one()
    olga.memberships.append(Membership(site=paper, role=Role.MODERATOR))
    db_session.commit()
    rows = BeautifulSoup(desk.get(PAGE, headers=ENGLISH).text, "html5lib").select("main li, main tr")
    assert not [row.text for row in rows if "Olga" in row.text]
    at_the_desk(app, "olga")
    rows = BeautifulSoup(desk.get(PAGE, headers=ENGLISH).text, "html5lib").select("main li, main tr")
    assert len([row.text for row in rows if "Olga" in row.text and "Logged in" in row.text]) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_site_of_an_earlier_sites_key_does_not_show_its_events(
    app: Flask, db_session: Session, desk: FlaskClient, paper: Site
) -> None:
    press(desk, "/sites/paper/rules", "/sites/paper/rules", subject="word", value="casino", effect="spam")
    assert "rule_added" in desk.get(f"{PAGE}?kind=rules").text
    paper.created_at = newest(db_session).made_at.replace(year=2099)
    db_session.commit()
    assert "rule_added" not in desk.get(f"{PAGE}?kind=rules").text


def test_the_log_is_filtered_and_downloaded_and_the_download_is_recorded(
    desk: FlaskClient, db_session: Session, alice: Moderator
) -> None:
    alice.name = "=cmd()"
    db_session.commit()
    press(desk, "/sites/paper/rules", "/sites/paper/rules", subject="word", value="casino", effect="spam")
    save(desk, name="Paper 2")
    for kind, wanted in {"rules": {"rule_added"}, "settings": {"settings_changed"}, "logins": {"login"}}.items():
        page = desk.get(PAGE, query_string={"kind": kind, "account": alice.id}).text
        assert {
            each for each in ("rule_added", "settings_changed", "login") if f'data-event="{each}"' in page
        } == wanted
    assert 'data-event="' not in desk.get(f"{PAGE}?until=2020-01-01").text
    lines = download(desk, f"{PAGE}/jsonl", kind="settings").text.splitlines()
    (row,) = map(json.loads, lines)
    assert row["details"]["changes"]["name"] == ["Paper", "Paper 2"] and row["site"] == "paper"
    answer = download(desk, f"{PAGE}/csv", site="paper")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["event"] for row in rows] == ["settings_changed", "rule_added"]
    assert rows[0]["actor_name"] == "'=cmd()"
    assert events(db_session)[-2:] == ["log_exported", "log_exported"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_owner_moves_from_page_to_page(
    desk: FlaskClient, db_session: Session, alice: Moderator, paper: Site
) -> None:
    for number in range(60):
        audit.record(audit.Event.SETTINGS_CHANGED, by=alice, site=paper, changes={"max_links": [number, number + 1]})
    db_session.commit()
    first = desk.get(PAGE, headers=ENGLISH).text
    assert first.count("data-event=") == 50 and 'rel="next"' in first
    found = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = desk.get(found, headers=ENGLISH).text
    assert second.count("data-event=") == 11 and 'rel="next"' not in second


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_event_has_words_and_a_kind(app: Flask) -> None:
    assert set(EVENTS) == set(Event) == set().union(*(events for _said, events in KINDS.values()))
    assert sum(len(events) for _said, events in KINDS.values()) == len(Event)
    said = {
        "changes": {"saved_replies": [[], [{"id": "7f54", "name": "Hi", "text": "Hello"}]], "sections": [[], ["a"]]}
    }
    row = AuditEvent(event="settings_changed", details=json.dumps(said | {"until": "2027-02-28T10:07:12.928086+00:00"}))
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert list(changes(row)) == [("Saved replies", "–", "Name: Hi, Text: Hello"), ("Sections", "–", "a")]
        assert [value for _name, value in details(row)] == ["Feb 28, 2027 10:07\u202fAM"]
