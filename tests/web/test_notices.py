"""Legal notices: a stranger sends one, gets a receipt, and both sides get a decision with its reasons."""

import hashlib
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
from sqlalchemy import delete, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.comments import amend, retention
from app.extensions import db
from app.lib.clock import now
from app.models import Comment, Decision, Delivery, LegalHold, Moderator, Notice, NoticeEvent, Role, Site, Status
from app.moderation import legal_hold, notices
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


def test_a_comment_that_is_public_again_by_way_of_spam_reopens_the_case(
    app: Flask, db_session: Session, notice: Notice, comment: Comment
) -> None:
    rule(at_the_desk(app), notice)
    for status, state in ((Status.SPAM, "closed"), (Status.APPROVED, "open")):
        db_session.refresh(comment)
        decide(comment, status, seen=comment.version)
        db_session.commit()
        assert the_notice(db_session).state == state


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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_email_is_promised_without_a_mail_server(
    app: Flask, client: FlaskClient, send: Callable[..., TestResponse], db_session: Session
) -> None:
    desk = at_the_desk(app)
    for url, promised in (("smtp://127.0.0.1:1", True), ("", False)):
        app.config["MAIL_URL"] = url
        form = client.get("/notices/paper?lang=en").text
        status = client.get(send(email=f"mei{len(url)}@readers.example").location, headers=ENGLISH).text
        case = desk.get(f"/moderate/notices/{the_notice(db_session).id}", headers=ENGLISH).text
        told = ["We email you a receipt" in form, "sent a receipt to" in status, "The notifier gets an email" in case,
                "Ask the author by email" in case]  # fmt: skip
        assert told == [promised] * 4
    page = desk.get("/moderate/notices/1").text
    assert "未対応" in page and "受付中" not in page


def test_the_same_notice_again_is_stored_once_and_a_network_sends_ten(
    app: Flask, send: Callable[..., TestResponse], db_session: Session, smtp: MailServer
) -> None:
    first, again = send(), send()
    assert first.status_code == again.status_code == 303
    assert db_session.query(Notice).count() == 1
    statuses = [send(explanation=f"Again {number}").status_code for number in range(10)]
    assert statuses == [303] * 8 + [429] * 2
    assert send("203.0.113.77", explanation="From the same /24").status_code == 429
    assert send("198.51.100.1", explanation="From elsewhere", lang="no-such-language" * 3).status_code == 303
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
        for _step in notices.run_clocks():
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


def ask(desk: FlaskClient, notice: Notice) -> TestResponse:
    return press(desk, notice, "inquiry", question="You say that he set the fire.")


def test_the_author_is_asked_and_agrees_or_objects_with_one_press(
    app: Flask, client: FlaskClient, db_session: Session, smtp: MailServer, notice: Notice
) -> None:
    mails(smtp)
    desk = at_the_desk(app)
    assert ask(desk, the_notice(db_session)).status_code == 303
    ((to, _subject, question),) = mails(smtp)
    assert to == "Hanako <hanako@readers.example>" and "within 7 days" in question and LIE in question
    assert not any(canary in question for canary in CANARIES)
    page = link_in(question, "inquiry")
    assert the_notice(db_session).state == "inquiry"
    assert "I agree to the removal" in client.get(page, headers=ENGLISH).text
    assert client.post(page, data={"answer": "maybe"}).status_code == 422
    assert client.post(page, data={"answer": "objection", "text": "I saw it."}).status_code == 303
    answered = the_notice(db_session)
    assert (answered.state, answered.answer) == ("open", "objection")
    assert client.post(page, data={"answer": "consent"}).status_code == 409, "once"
    assert "objects to its removal" in mails(smtp)[0][2]
    assert "I saw it." in desk.get(f"/moderate/notices/{notice.id}").text
    assert ask(desk, answered).status_code == 409
    rule(desk, answered, outcome="kept", ground="")
    assert "stays public" in mails(smtp)[0][2], "who was asked learns the outcome"


def test_an_author_who_does_not_answer_within_seven_days_is_not_waited_for(
    app: Flask, client: FlaskClient, db_session: Session, smtp: MailServer, notice: Notice
) -> None:
    ask(at_the_desk(app), the_notice(db_session))
    assert notices.answer_until(the_notice(db_session)) is None, "the term begins when the email is sent"
    page = link_in(mails(smtp)[1][2], "inquiry")
    until = notices.answer_until(the_notice(db_session))
    assert until and timedelta(days=7) <= until - now() < timedelta(days=8)
    db_session.query(Delivery).filter_by(kind="inquiry").one().done_at = now() - timedelta(days=9)
    db_session.commit()
    for _step in notices.run_clocks():
        db_session.commit()
    late = the_notice(db_session)
    assert (late.state, late.answer) == ("open", "none")
    assert "did not answer within 7 days" in mails(smtp)[0][2]
    assert client.post(page, data={"answer": "consent"}).status_code == 303, "a late answer counts, too"
    assert the_notice(db_session).answer == "consent"


def test_an_inquiry_that_could_not_be_delivered_waits_for_no_answer(
    app: Flask, db_session: Session, smtp: MailServer, notice: Notice
) -> None:
    desk = at_the_desk(app)
    ask(desk, the_notice(db_session))
    db_session.query(Delivery).filter_by(kind="inquiry").one().finish("gave up")
    db_session.commit()
    db_session.expire_all()
    for _step in notices.run_clocks():
        db_session.commit()
    assert (the_notice(db_session).state, the_notice(db_session).asked_at) == ("open", None)
    assert any("could not be delivered" in text for _to, _subject, text in mails(smtp))
    assert ask(desk, the_notice(db_session)).status_code == 303, "may be asked again"
    # Nor does one that a decision has overtaken.
    rule(desk, notice, outcome="kept")
    assert not any(to.startswith("Hanako") for to, *_ in mails(smtp)), "was asked nothing"
    press(desk, the_notice(db_session), "reopen")
    assert ask(desk, the_notice(db_session)).status_code == 303
    assert [to for to, *_ in mails(smtp) if to.startswith("Hanako")] == ["Hanako <hanako@readers.example>"]


def test_the_inquiry_of_another_notice_about_the_comment_does_not_hide_a_failure(
    app: Flask, db_session: Session, smtp: MailServer, send: Callable[..., TestResponse], notice: Notice
) -> None:
    desk = at_the_desk(app)
    ask(desk, the_notice(db_session))
    db_session.query(Delivery).filter_by(kind="inquiry").one().finish("gave up")
    send("198.51.100.1", explanation="Another reader")
    other = the_notice(db_session)
    assert other.id != notice.id and ask(desk, other).status_code == 303
    for _step in notices.run_clocks():
        db_session.commit()
    db_session.expire_all()
    assert [each.kind for each in NoticeEvent.all_of(notice)] == ["opened", "asked", "undelivered"]
    assert other.state == "inquiry"


def test_an_author_without_a_confirmed_address_cannot_be_asked(
    app: Flask, db_session: Session, notice: Notice, comment: Comment
) -> None:
    comment.author.confirmed_index = None
    db_session.commit()
    desk = at_the_desk(app)
    assert 'name="question"' not in desk.get(f"/moderate/notices/{notice.id}").text
    assert ask(desk, the_notice(db_session)).status_code == 409
    assert rule(desk, notice).status_code == 303
    assert not db_session.query(Delivery).filter(Delivery.kind.in_(("inquiry", "statement"))).count()


def place_hold(desk: FlaskClient, notice: Notice, days: int = 30) -> TestResponse:
    day = (now() + timedelta(days=days)).date().isoformat()
    return press(desk, notice, "hold", reason="A lawsuit", until=day)


def test_what_a_hold_keeps_survives_edit_withdrawal_erasure_and_retention(
    app: Flask, db_session: Session, notice: Notice, comment: Comment
) -> None:
    desk = at_the_desk(app)
    assert [place_hold(desk, notice, days).status_code for days in (-1, 5000, 30, 30)] == [422, 422, 303, 409]
    texts = ("He was at the fire", "He was near it", "He was away")
    for body in texts:
        amend.edit(comment, body)
        db_session.commit()
    amend.withdraw(comment)
    db_session.commit()
    for email, gone in (("hanako@readers.example", "holds"), (CANARIES[1], "notices")):
        done = app.test_cli_runner().invoke(args=["person", "erase", email, "--json", "--remove-text"])
        assert done.exit_code == 0 and json.loads(done.stdout)[gone] == 1, done.output
        assert {each["table"] for each in json.loads(done.stdout)["left"]} == {"legal_hold"}, "reported, not deleted"
    comment.created_at = now() - timedelta(days=999)
    db_session.commit()
    for _counts in retention.forget_all():
        db_session.commit()
    db_session.refresh(comment)
    assert (comment.body, comment.address) == ("", "")
    assert not any(text in desk.get(f"/moderate/notices/{notice.id}").text for text in (LIE, *texts))
    kept = press(desk, the_notice(db_session), "file").text
    everything = (LIE, *texts, "127.0.0.0/24", "hanako@readers.example", CANARIES[0], CANARIES[1])
    assert not [word for word in everything if word not in kept]
    assert press(desk, the_notice(db_session), "release").status_code == 303
    assert not db_session.query(LegalHold).one().kept
    released = press(desk, the_notice(db_session), "file").text
    assert not [word for word in everything if word in released]


def test_a_hold_ends_by_itself_and_its_copy_is_deleted(app: Flask, db_session: Session, notice: Notice) -> None:
    place_hold(at_the_desk(app), notice)
    hold = db_session.query(LegalHold).one()
    hold.until = now() - timedelta(seconds=1)
    db_session.commit()
    assert LegalHold.of([hold.comment_id]) == []
    for _counts in retention.forget_all():
        db_session.commit()
    db_session.refresh(hold)
    assert hold.ended_at and hold.kept == ""


def test_holds_that_another_process_ends_or_deletes_are_left_alone(db_session: Session, notice: Notice) -> None:
    over, ended = now() - timedelta(days=1), now() - timedelta(hours=1)
    for _number in range(3):
        db_session.add(LegalHold(site_id=notice.site_id, comment=notice.comment, reason="A lawsuit", until=over))
    db_session.commit()
    first, second, third = (hold.id for hold in db_session.query(LegalHold).order_by(LegalHold.id))
    steps = legal_hold.release_overdue()
    next(steps)
    db_session.commit()
    # As a commit of the command does.
    db_session.expire_all()
    holds = LegalHold.__table__
    with db.engine.begin() as other:
        other.execute(update(holds).where(holds.c.id == second).values(ended_at=ended))
        other.execute(delete(holds).where(holds.c.id == third))
    assert list(steps) == []
    db_session.commit()
    kept = {hold.id: hold.ended_at for hold in db_session.query(LegalHold)}
    assert kept.keys() == {first, second} and kept[second] == ended and kept[first] is not None


def test_an_unreadable_copy_stops_nothing_and_is_left_as_it_is(
    app: Flask, db_session: Session, notice: Notice, comment: Comment
) -> None:
    desk = at_the_desk(app)
    place_hold(desk, notice)
    app.config["SECRET_KEY"], key = "another key" * 4, app.config["SECRET_KEY"]
    db_session.expire_all()
    amend.edit(comment, "He was at the fire")
    db_session.commit()
    app.config["SECRET_KEY"] = key
    db_session.expire_all()
    assert LIE in db_session.query(LegalHold).one().kept
    db_session.query(LegalHold).one().kept = ""
    db_session.commit()
    assert press(desk, the_notice(db_session), "file").status_code == 200, "restored from an archive without the copy"


def test_only_administrators_place_a_hold_and_read_it(
    app: Flask, db_session: Session, notice: Notice, paper: Site
) -> None:
    a_moderator(db_session, paper, "bob", Role.MODERATOR)
    bob = at_the_desk(app, "bob")
    assert 'name="until"' not in bob.get(f"/moderate/notices/{notice.id}").text
    assert [press(bob, notice, what).status_code for what in ("hold", "release", "file")] == [403] * 3
    assert db_session.query(LegalHold).count() == 0


def test_the_case_file_has_hashes_and_can_be_verified(app: Flask, db_session: Session, notice: Notice) -> None:
    desk = at_the_desk(app)
    rule(desk, notice)
    answer = press(desk, the_notice(db_session), "file")
    assert answer.headers["Content-Disposition"] == f"attachment; filename=case-{notice.number}.html"
    for word in (*CANARIES, hashlib.sha256(LIE.encode()).hexdigest(), "Penal Code 230", "rejected", LIE):
        assert word in answer.text
    logged = NoticeEvent.all_of(the_notice(db_session))[-1]
    assert (logged.kind, logged.text) == ("exported", f"SHA-256 {hashlib.sha256(answer.data).hexdigest()}")


def test_nothing_of_a_case_is_on_any_public_byte(
    app: Flask, client: FlaskClient, db_session: Session, notice: Notice, comment: Comment
) -> None:
    paths = [
        f"/embed/thread?site=paper&url={PAGE}", f"/embed/static?site=paper&url={PAGE}",
        f"/thread?site=paper&url={PAGE}", f"/api/v1/threads?site=paper&url={PAGE}",
        f"/embed/counts?site=paper&url={PAGE}", f"/feeds/thread?site=paper&url={PAGE}", "/feeds/site/paper.atom",
        f"/embed/report/{comment.id}", f"/notices/paper?comment={comment.id}", "/summary/paper",
        f"/api/v1/picks?site=paper&url={PAGE}", "/api/v1/comments/latest?site=paper",
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
