"""Legal notices: a stranger sends one, gets a receipt, and both sides get a decision with its reasons."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.comments import retention
from app.extensions import db
from app.lib.clock import now
from app.models import Comment, Decision, Delivery, Moderator, Notice, NoticeEvent, Role, Site, Status
from app.moderation import notices
from app.moderation.decide import decide
from app.notify import outbox
from tests.cast import PAGE, Reader, a_moderator, a_site, the_comment
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

LIE = "Jiro set fire to the ferry"
CANARIES = ("Kanariya", "kanariya@notifiers.example", "Zeugnis-Q7", "Paragraph-Q7", "Gutachten-Q7")
TYPED = {
    "claim": "defamation", "law": CANARIES[3], "explanation": f"I was at sea that day. {CANARIES[2]}",
    "name": CANARIES[0], "email": CANARIES[1], "good_faith": "y", "lang": "en",
}  # fmt: skip
RULING = {"outcome": "removed", "ground": "law", "provision": "Penal Code 230", "facts": f"It is false. {CANARIES[4]}"}


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture(autouse=True)
def _transactions_end_before_requests(app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a record begins a transaction, which would block the request's write on SQLite."""
    client = type(app.test_client())
    send = client.open

    def committed(self: FlaskClient, *args: Any, **given: Any) -> TestResponse:
        db.session.commit()
        return send(self, *args, **given)

    monkeypatch.setattr(client, "open", committed)


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, role=Role.OWNER)


@pytest.fixture
def comment(app: Flask, db_session: Session, alice: Moderator) -> Comment:
    """By Hanako, who asked for no emails, and whose address is confirmed."""
    assert Reader(app.test_client()).post(LIE).status_code == 201
    comment = the_comment(db_session, LIE)
    comment.author.confirmed_index = comment.author.email_index
    db_session.commit()
    return comment


@pytest.fixture
def send(app: Flask, comment: Comment) -> Callable[..., TestResponse]:
    def take(address: str = "203.0.113.1", **more: str) -> TestResponse:
        given = {"link": f"{PAGE}#comment-{comment.id}"} | TYPED | more
        at = {"REMOTE_ADDR": address}
        return app.test_client().post("/notices/paper", data=given, environ_base=at)

    return take


@pytest.fixture
def notice(send: Callable[..., TestResponse], db_session: Session) -> Notice:
    assert send().status_code == 303
    return the_notice(db_session)


def the_notice(db_session: Session) -> Notice:
    db_session.expire_all()
    found = db_session.query(Notice).order_by(Notice.id.desc()).first()
    assert found
    db_session.commit()
    return found


def mails(smtp: MailServer) -> list[tuple[str, str, str]]:
    """Recipient, subject and text of each email that is due."""
    smtp.emails.clear()
    db.session.expire_all()
    while outbox.run_once():
        pass
    found = []
    for received in smtp.emails:
        message = message_from_bytes(received.raw, policy=policy.default)
        part = message.get_body(("plain",))
        assert part
        found.append((str(message["To"]), str(message["Subject"]), part.get_content()))
    return sorted(found)


def link_in(text: str, path: str) -> str:
    found = re.search(rf"http://\S+?(/{path}/\S+)", text)
    assert found, text
    return found[1]


def rule(desk: FlaskClient, notice: Notice, **more: str) -> TestResponse:
    path = f"/moderate/notices/{notice.id}"
    answer = desk.get(path)
    page = answer.text
    seen = {name: str(BeautifulSoup(page, "html.parser").select_one(f"[name={name}]")["value"])  # type: ignore[index]
            for name in ("seen", "comment_seen")}  # fmt: skip
    return desk.post(f"{path}/decision", data=RULING | seen | {"csrf_token": hidden(answer, "csrf_token")} | more)


def press(desk: FlaskClient, notice: Notice, what: str, **more: str) -> TestResponse:
    page = desk.get(f"/moderate/notices/{notice.id}")
    given = {"csrf_token": hidden(page, "csrf_token"), "seen": str(notice.version)} | more
    return desk.post(f"/moderate/notices/{notice.id}/{what}", data=given)


def test_a_notice_is_received_confirmed_listed_decided_and_answered_to_both(
    app: Flask, db_session: Session, smtp: MailServer, notice: Notice, comment: Comment
) -> None:
    mails_now = mails(smtp)
    assert [to for to, *_ in mails_now] == ["Alice <alice@moderators.example>", CANARIES[1]]
    receipt = mails_now[1][2]
    assert notice.number in receipt and f"{PAGE}#comment-{comment.id}" in receipt
    assert not any(canary in receipt for canary in CANARIES if "@" not in canary), "nothing that a stranger typed"
    page = link_in(receipt, "notice")
    notifier = app.test_client()
    assert "Did you send this notice?" in notifier.get(page).text
    notifier.post(f"{page}/confirm")
    assert the_notice(db_session).confirmed_at
    desk = at_the_desk(app)
    for path in ("/moderate/?lane=1", "/moderate/notices"):
        listed = desk.get(path, headers=ENGLISH).text
        assert notice.number in listed and "Decide by" in listed
    assert notice.number in desk.get("/moderate/?status=approved").text, "on its card"
    assert rule(desk, notice).status_code == 303
    db_session.expire_all()
    assert comment.status == Status.REJECTED and the_notice(db_session).state == "closed"
    decision = Decision.newest_of(comment)
    assert decision and (decision.reason, decision.moderator_id) == ("notice", 1)
    answers = mails(smtp)
    assert [to for to, *_ in answers] == ["Hanako <hanako@readers.example>", CANARIES[1]]
    for _to, _subject, text in answers:
        for told in ("Penal Code 230", "It is false.", "No automated means were used.", "within 6 months"):
            assert told in text
    statement = answers[0][2]
    assert not any(canary in statement for canary in CANARIES[:4]), "the notifier is not named"
    assert LIE in statement and link_in(statement, "appeal")
    assert "It is false." in notifier.get(page).text
    assert notice.number in desk.get("/moderate/notices?closed=1").text


def test_an_undo_reopens_the_case_and_both_are_told(
    app: Flask, db_session: Session, smtp: MailServer, notice: Notice, comment: Comment
) -> None:
    desk = at_the_desk(app)
    rule(desk, notice)
    mails(smtp)
    assert press(desk, the_notice(db_session), "reopen").status_code == 303
    db_session.expire_all()
    assert comment.status == Status.APPROVED and notice.state == "open" and not notice.outcome
    corrections = [(to, subject) for to, subject, _text in mails(smtp)]
    assert ("Hanako <hanako@readers.example>", f"Correction about your comment: {PAGE}") in corrections
    assert (CANARIES[1], f"Your notice {notice.number} is being reviewed again") in corrections
    assert rule(desk, notice, outcome="kept", ground="", provision="").status_code == 303
    (answer,) = mails(smtp)
    assert "the comment stays public" in answer[2], "the author was not affected"


def test_nothing_is_sent_about_a_decision_that_was_taken_back_at_once(
    app: Flask, db_session: Session, smtp: MailServer, notice: Notice
) -> None:
    mails(smtp)
    app.config["UNDO_WINDOW"] = 900
    desk = at_the_desk(app)
    rule(desk, notice)
    press(desk, the_notice(db_session), "reopen")
    for row in db_session.query(Delivery):
        row.due_at = now()
    db_session.commit()
    assert [to for to, *_ in mails(smtp)] == ["Alice <alice@moderators.example>"]


def test_an_appeal_of_the_author_and_an_objection_of_the_notifier_open_the_case_again(
    app: Flask, db_session: Session, smtp: MailServer, notice: Notice, comment: Comment
) -> None:
    desk, notifier = at_the_desk(app), app.test_client()
    page = link_in(mails(smtp)[1][2], "notice")
    rule(desk, notice)
    statement = mails(smtp)[0][2]
    author, appeal = app.test_client(), link_in(statement, "appeal")
    token = hidden(author.get(appeal), "csrf_token")
    assert author.post(appeal, data={"csrf_token": token, "text": "It is true."}).status_code == 303
    assert the_notice(db_session).state == "open", "the case decides on the appeal, too"
    assert rule(desk, notice, outcome="kept", ground="").status_code == 303
    db_session.expire_all()
    assert comment.status == Status.APPROVED, "the appeal had put it into the queue"
    mails(smtp)
    assert notifier.post(f"{page}/object", data={"text": ""}).status_code == 422
    assert notifier.post(f"{page}/object", data={"text": "Look at the log."}).status_code == 303
    assert the_notice(db_session).state == "open"
    assert "Look at the log." in desk.get(f"/moderate/notices/{notice.id}").text
    rule(desk, notice, outcome="kept", ground="")
    assert notifier.post(f"{page}/object", data={"text": "Again."}).status_code == 409, "once"


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ({"link": ""}, "Enter the link"), ({"link": f"{PAGE}#comment-999"}, "no public comment"),
        ({"claim": ""}, "Choose what"), ({"claim": "gossip"}, "Not a valid choice"),
        ({"explanation": " \u200b "}, "Explain"), ({"name": "\u2800"}, "Enter your name"),
        ({"email": "jiro"}, "valid email"), ({"good_faith": ""}, "Confirm that"),
    ],
)  # fmt: skip
def test_a_notice_with_a_mistake_is_shown_again_with_a_way_to_fix_it(
    send: Callable[..., TestResponse], db_session: Session, missing: dict[str, str], sentence: str
) -> None:
    answer = send(**missing)
    assert answer.status_code == 422 and sentence in answer.text and "Paragraph-Q7" in answer.text
    assert db_session.query(Notice).count() == 0


def test_name_and_email_are_optional_where_the_law_allows_that(
    client: FlaskClient, send: Callable[..., TestResponse], db_session: Session, smtp: MailServer
) -> None:
    assert send(name="", email="").status_code == 422
    answer = send(name="", email="", claim="child_abuse")
    assert answer.status_code == 303 and the_notice(db_session).number in client.get(answer.location).text
    assert [to for to, *_ in mails(smtp)] == ["Alice <alice@moderators.example>"]


def test_the_same_notice_again_is_stored_once_and_a_network_sends_ten(
    app: Flask, send: Callable[..., TestResponse], db_session: Session, smtp: MailServer
) -> None:
    first, again = send(), send()
    assert first.status_code == again.status_code == 303
    assert db_session.query(Notice).count() == 1
    statuses = [send(explanation=f"Again {number}").status_code for number in range(10)]
    assert statuses == [303] * 8 + [429] * 2
    assert send("203.0.113.77", explanation="From the same /24").status_code == 429
    assert send("198.51.100.1", explanation="From elsewhere").status_code == 303
    receipts = [to for to, *_ in mails(smtp) if to == CANARIES[1]]
    assert len(receipts) == 3, "a stranger may have typed the address"


def test_the_owner_of_the_address_says_that_it_was_a_stranger(
    app: Flask, client: FlaskClient, send: Callable[..., TestResponse], db_session: Session, smtp: MailServer
) -> None:
    browser = send().location
    client.post(f"{browser}/confirm")
    assert not the_notice(db_session).confirmed_at, "only the emailed link confirms"
    emailed = link_in(mails(smtp)[1][2], "notice")
    client.post(f"{emailed}/disown")
    stored = the_notice(db_session)
    assert stored.disowned_at and (stored.name, stored.email) == ("", "")
    rule(at_the_desk(app), stored, outcome="kept")
    assert mails(smtp) == []


def test_a_case_that_changed_meantime_is_not_decided(
    app: Flask, db_session: Session, notice: Notice, comment: Comment
) -> None:
    desk = at_the_desk(app)
    assert rule(desk, notice, seen="0").status_code == 409
    decide(comment, Status.PENDING, seen=comment.version)
    db_session.commit()
    assert rule(desk, notice, comment_seen="2").status_code == 409
    for missing in ({"outcome": ""}, {"ground": ""}, {"provision": ""}, {"facts": " "}):
        assert rule(desk, notice, **missing).status_code == 422
    assert the_notice(db_session).state == "open"
    assert rule(desk, notice).status_code == 303
    again = {"csrf_token": hidden(desk.get(f"/moderate/notices/{notice.id}"), "csrf_token")}
    late = desk.post(
        f"/moderate/notices/{notice.id}/decision", data=RULING | again | {"seen": "2", "comment_seen": "4"}
    )
    assert late.status_code == 409


def test_moderators_are_reminded_once_before_the_deadline(
    app: Flask, db_session: Session, smtp: MailServer, notice: Notice
) -> None:
    def remind() -> list[str]:
        for _step in notices.remind():
            db_session.commit()
        db_session.rollback()
        return [text for _to, _subject, text in mails(smtp)]

    remind()
    assert remind() == []
    notice.due_at = now() + timedelta(days=1, hours=23)
    notice.made_at = now() - timedelta(days=5)
    db_session.commit()
    assert "is still undecided" in remind()[0] and remind() == []
    assert [each.kind for each in NoticeEvent.all_of(the_notice(db_session))] == ["opened", "reminded"]
    notice.due_at = now() - timedelta(hours=1)
    db_session.commit()
    assert "Overdue" in at_the_desk(app).get("/moderate/notices", headers=ENGLISH).text


def test_nothing_of_a_case_is_on_any_public_byte(
    app: Flask, client: FlaskClient, db_session: Session, notice: Notice, comment: Comment
) -> None:
    paths = [
        f"/embed/thread?site=paper&url={PAGE}", f"/thread?site=paper&url={PAGE}",
        f"/api/v1/threads?site=paper&url={PAGE}",
        f"/embed/counts?site=paper&url={PAGE}", f"/feeds/thread?site=paper&url={PAGE}", "/feeds/site/paper.atom",
        f"/embed/report/{comment.id}", f"/notices/paper?comment={comment.id}", "/summary/paper",
        f"/api/v1/picks?site=paper&url={PAGE}",
    ]  # fmt: skip

    def public() -> str:
        return "".join(client.get(path, headers={"Accept-Language": "en"}).text for path in paths)

    words = (*CANARIES, notice.number, "Penal Code 230")
    assert not [word for word in words if word in public()]
    desk = at_the_desk(app)
    rule(desk, notice, outcome="kept")
    assert LIE in public() and not [word for word in words if word in public()]
    press(desk, the_notice(db_session), "reopen")
    rule(desk, notice)
    assert LIE not in public() and not [word for word in words if word in public()]


def test_a_site_that_takes_no_notices_links_to_none(
    client: FlaskClient, db_session: Session, paper: Site, comment: Comment
) -> None:
    thread, report = f"/thread?site=paper&url={PAGE}&lang=en", f"/embed/report/{comment.id}?lang=en"
    for path in (thread, report):
        assert "/notices/paper" in client.get(path).text
    paper.change({"notices": False})
    db_session.commit()
    for path in (thread, report):
        assert "/notices/paper" not in client.get(path).text
    assert client.get("/notices/paper").status_code == 404


def test_a_decided_case_is_deleted_after_its_days_and_an_erased_sender_at_once(
    app: Flask, db_session: Session, notice: Notice
) -> None:
    exported = app.test_cli_runner().invoke(args=["person", "export", CANARIES[1], "--json"])
    assert notice.number in json.dumps(json.loads(exported.stdout)["notices"])
    erased = app.test_cli_runner().invoke(args=["person", "erase", CANARIES[1], "--json"])
    assert erased.exit_code == 0 and json.loads(erased.stdout)["notices"] == 1
    stored = the_notice(db_session)
    assert (stored.name, stored.email) == ("", "") and stored.explanation
    rule(at_the_desk(app), stored, outcome="kept")
    the_notice(db_session).closed_at = now() - timedelta(days=1096)
    db_session.commit()
    for _counts in retention.forget_all():
        db_session.commit()
    assert db_session.query(Notice).count() == db_session.query(NoticeEvent).count() == 0
