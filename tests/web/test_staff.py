"""Staff reply from the desk: with a badge that readers cannot type, an alias, and email to the author they answer."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.desk import members
from app.lib.clock import now
from app.models import Actor, Comment, Decision, Delivery, Membership, Moderator, Role, Site, Status, site_counter
from app.notify import outbox, replies
from tests.cast import PAGE, Reader, a_moderator, a_site, move, the_comment
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HERE = {"site": "paper", "url": PAGE}


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", name="Evening Paper")


@pytest.fixture
def hanako(client: FlaskClient, alice: Moderator) -> Reader:
    return Reader(client)


def answer(desk: FlaskClient, to: Comment, body: str, name: str = "Anna of the desk", **more: str) -> TestResponse:
    return press(desk, to, "reply", body=body, name=name, **({"seen": str(to.version)} | more))


def press(desk: FlaskClient, comment: Comment, action: str, **fields: str) -> TestResponse:
    id = comment.id
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    fetch = {"X-Requested-With": "fetch"} if fields.pop("fetch", "") else {}
    return desk.post(f"/moderate/comments/{id}/{action}", data=fields | {"csrf_token": token}, headers=ENGLISH | fetch)


def change(db_session: Session, site: Site, **settings: str) -> None:
    db_session.get_one(Site, site.id).change(settings)
    db_session.commit()


def test_a_reply_is_public_at_once_with_badge_and_alias(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, paper: Site
) -> None:
    hanako.post("Why is the ferry late?")
    asked, desk = the_comment(db_session, "Why is the ferry late?"), at_the_desk(app)
    form = desk.get(f"/moderate/comments/{asked.id}/reply", headers=ENGLISH).text
    assert 'value="Evening Paper"' in form and "Staff" in form, "by default the site's name, not the moderator's"
    assert answer(desk, asked, "We **asked** the harbour.").status_code == 303
    given = the_comment(db_session, "We **asked** the harbour.")
    assert (given.status, given.name, given.parent_id, given.badge) == (
        Status.APPROVED,
        "Anna of the desk",
        asked.id,
        "",
    )
    page = hanako.get_thread(lang="en").text
    assert '<span class="badge" part="badge">Staff</span>' in page and "<strong>asked</strong>" in page
    assert '<span class="badge" part="badge">編集部</span>' in hanako.get_thread(lang="ja").text
    first, second = hanako.client.get("/api/v1/threads", query_string=HERE | {"lang": "en"}).json["comments"]
    assert (first["badge"], second["badge"], second["name"]) == (None, "Staff", "Anna of the desk")
    everything = page + hanako.client.get("/feeds/thread", query_string=HERE).text + str(second)
    assert "Alice" not in everything and "alice@" not in everything
    (decision,) = Decision.all_of(given)
    assert (decision.actor, decision.moderator_id, decision.reason) == (Actor.MODERATOR, alice.id, "staff")
    db_session.commit()
    assert "Reply by staff" in desk.get("/moderate/log", headers=ENGLISH).text
    assert site_counter.drifted() == []
    db_session.commit()
    assert 'value="Anna of the desk"' in desk.get(f"/moderate/comments/{asked.id}/reply", headers=ENGLISH).text


def test_a_reply_to_a_pending_comment_approves_it(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, paper: Site
) -> None:
    hanako.post("Why?")
    asked = the_comment(db_session, "Why?")
    move(db_session, asked, Status.PENDING)
    asked, desk = the_comment(db_session, "Why?"), at_the_desk(app)
    assert "Approve and reply" in desk.get(f"/moderate/comments/{asked.id}/reply", headers=ENGLISH).text
    assert answer(desk, asked, "Stale", seen="1", fetch="1").status_code == 409
    said = answer(desk, asked, "Because.", fetch="1")
    assert said.status_code == 200 and f'data-gone="{asked.id}"' in said.text
    page = hanako.get_thread().text
    assert "Why?" in page and "Because." in page and "Stale" not in page
    # The button pressed twice.
    assert answer(desk, the_comment(db_session, "Why?"), "Because.", fetch="1").status_code == 200
    assert db_session.query(Comment).filter_by(body="Because.").count() == 1
    db_session.commit()
    move(db_session, the_comment(db_session, "Why?"), Status.REJECTED, by=alice)
    refused = answer(desk, the_comment(db_session, "Why?"), "More", fetch="1")
    assert refused.status_code == 409 and "Approve this comment first." in refused.text


@ONE_DATABASE
def test_the_author_gets_an_email_about_the_reply_without_the_moderators_name(
    app: Flask, hanako: Reader, db_session: Session, smtp: MailServer
) -> None:
    hanako.post("Why?", notify="replies")
    asked = the_comment(db_session, "Why?")
    asked.author.confirmed_index = asked.author.email_index
    db_session.commit()
    answer(at_the_desk(app), asked, "Because of the wind.")
    while outbox.run_once(replies.carriers()) or outbox.run_once():
        pass
    (mail,) = [each for each in smtp.to("hanako@readers.example") if not each.subject.startswith("Confirm")]
    assert "Because of the wind." in mail.text and "Anna of the desk (Staff)" in mail.text
    assert "Alice" not in str(mail.message) and "alice@" not in str(mail.message)
    assert db_session.query(Delivery).filter(Delivery.done_at.is_(None)).count() == 0


@ONE_DATABASE
def test_only_the_membership_gives_the_badge(app: Flask, hanako: Reader, db_session: Session, paper: Site) -> None:
    sent = {"badge": "Staff", "moderator_id": "1", "by_staff": "1"}
    hanako.post("I say so", **sent)
    hanako.client.post("/api/v1/comments", json=HERE | sent | {"name": "Taro", "email": "t@r.example", "body": "API"})
    assert {each.badge for each in db_session.query(Comment)} == {None} and db_session.query(Comment).count() == 2
    db_session.commit()
    change(db_session, paper, staff_role="admin")
    refused = answer(at_the_desk(app), the_comment(db_session, "I say so"), "As staff", fetch="1")
    assert refused.status_code == 403 and db_session.query(Comment).count() == 2


@ONE_DATABASE
@pytest.mark.parametrize(
    "name", ["Anna of the desk", "ANNA  of the desk", "Аnnа of the desk", "Newsroom", "Evening Paper", "編集部"]
)
def test_readers_with_a_name_of_staff_are_held(
    app: Flask, hanako: Reader, db_session: Session, paper: Site, name: str
) -> None:
    change(db_session, paper, staff_badge="Newsroom")
    hanako.post("Why?")
    answer(at_the_desk(app), the_comment(db_session, "Why?"), "Because.")
    posted = Reader(app.test_client(), name, "x@readers.example").post("Trust me")
    # A disguised name is refused at the form.
    assert posted.status_code in (202, 422)
    if posted.status_code == 202:
        assert [each["check"] for each in the_comment(db_session, "Trust me").reasons] == ["office"]


def test_a_reply_is_edited_and_withdrawn_at_any_time_by_its_author(
    app: Flask, hanako: Reader, db_session: Session, alice: Moderator, paper: Site
) -> None:
    a_moderator(db_session, paper, "olga", Role.OWNER)
    hanako.post("Why?")
    desk = at_the_desk(app)
    answer(desk, the_comment(db_session, "Why?"), "Because.")
    given = the_comment(db_session, "Because.")
    given.created_at = now().replace(year=2020)
    db_session.commit()
    assert press(at_the_desk(app, "olga"), given, "reply/edit", body="Olga's", fetch="1").status_code == 403
    assert press(desk, given, "reply/edit", body="", fetch="1").status_code == 422
    assert press(desk, given, "reply/edit", body="Because of the wind.").status_code == 303
    page = hanako.get_thread().text
    assert "Because of the wind." in page and 'class="edited"' in page and "badge" in page
    assert [each.reason for each in Decision.all_of(the_comment(db_session, "Because of the wind."))] == [
        "staff",
        "edited",
    ]
    db_session.commit()
    shown = desk.get(f"/moderate/comments/{given.id}/reply", headers=ENGLISH).text
    assert "Because of the wind." in shown and "Delete reply" in shown
    assert press(desk, given, "reply/withdraw").status_code == 303
    assert "Because" not in hanako.get_thread().text
    assert press(desk, given, "reply/edit", body="Again", fetch="1").status_code == 409
    assert press(desk, the_comment(db_session, "Why?"), "reply/edit", body="Not mine", fetch="1").status_code == 403


@ONE_DATABASE
def test_a_reply_keeps_its_badge_when_the_setting_changes_and_its_author_leaves(
    app: Flask, hanako: Reader, db_session: Session, paper: Site
) -> None:
    olga = a_moderator(db_session, paper, "olga")
    change(db_session, paper, staff_badge="Newsroom")
    hanako.post("Why?")
    answer(at_the_desk(app, "olga"), the_comment(db_session, "Why?"), "Because.", name="O. of the night shift")
    change(db_session, paper, staff_badge="Editors")
    members.remove(db_session.query(Membership).filter_by(moderator_id=olga.id).one(), by=olga)
    db_session.commit()
    db_session.expire_all()
    page = hanako.get_thread().text
    assert ">Newsroom</span>" in page and "Editors" not in page and "O. of the night shift" in page
    db_session.delete(db_session.get_one(Moderator, olga.id))
    db_session.commit()
    assert ">Newsroom</span>" in hanako.get_thread().text
    held = Reader(app.test_client(), "O. of the night shift", "x@readers.example").post("Me again")
    assert held.status_code == 202, "the name stays reserved"
