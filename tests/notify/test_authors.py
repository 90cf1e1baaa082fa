"""Emails to authors: only on request and to confirmed addresses, with reason, appeal link and unsubscribe link."""

import re
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.comments import person, person_erasure
from app.models import Author, Decision, Moderator, Reason, Status
from app.moderation.decide import decide, undo
from app.notify import authors, outbox
from tests.cast import Reader, the_comment
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

HANAKO = "hanako@readers.example"


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def hanako(app: Flask, alice: Moderator) -> Reader:
    return Reader(app.test_client())


@pytest.fixture
def emails(smtp: MailServer) -> Callable[[], list]:
    """Send due deliveries; return the emails to authors."""

    def sent() -> list:
        while outbox.run_once():
            pass
        return [received for received in smtp.emails if "moderators.example" not in received.message["To"]]

    return sent


def path_in(received: EmailMessage, page: str) -> str:
    found = re.search(rf"http://localhost(/{page}/\S+)", received.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert found, received
    return found[1]


def presses(client: FlaskClient, path: str, **fields: str) -> TestResponse:
    """Open the page of a link and press its button."""
    token = hidden(client.get(path), "csrf_token")
    return client.post(path, data={"csrf_token": token, **fields})


def confirmed(hanako: Reader, emails: Callable[[], list], body: str = "First!") -> None:
    assert hanako.post(body, notify="y", lang="en").status_code == 202
    assert presses(hanako.client, path_in(emails()[-1].message, "mail/confirm")).status_code == 303


def decides(db_session: Session, body: str, status: Status, by: Moderator, reason: str = "") -> Decision:
    comment = the_comment(db_session, body)
    decision = decide(comment, status, seen=comment.version, by=by, reason=reason)
    db_session.commit()
    return decision


def test_without_the_checkbox_no_email_is_sent(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    hanako.post("First!")
    decides(db_session, "First!", Status.REJECTED, alice)
    assert emails() == []


def test_the_confirmation_email_repeats_no_typed_text(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    hanako.name = "BUY NOW http://evil.example"
    hanako.post("Come to http://evil.example", notify="y", title="http://evil.example", lang="en")
    decides(db_session, "Come to http://evil.example", Status.REJECTED, alice)
    (received,) = emails()
    assert received.subject == "Confirm your email for Paper comments"
    assert "evil" not in received.message.as_string() and "BUY" not in received.message.as_string()


def test_looking_at_the_links_does_nothing_however_often(
    app: Flask, hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    decides(db_session, "First!", Status.REJECTED, alice, Reason.ATTACK)
    said = emails()
    paths = [path_in(said[0].message, "mail/confirm"), path_in(said[1].message, "mail/stop")]
    paths.append(path_in(said[1].message, "appeal"))
    db_session.commit()

    def everything() -> str:
        tables = ("author", "comment", "decision", "delivery", "unsubscribe")
        rows = str([db_session.execute(text(f"SELECT * FROM {name} ORDER BY id")).all() for name in tables])  # noqa: S608
        db_session.commit()
        return rows

    before, scanner = everything(), app.test_client()
    for path in paths:
        for method in ("GET", "HEAD", "OPTIONS") * 3:
            answer = scanner.open(path, method=method)
            assert answer.status_code == 200
            assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert everything() == before


def test_a_rejection_tells_why_and_is_objected_to_once(
    app: Flask, hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    decides(db_session, "First!", Status.REJECTED, alice, Reason.ATTACK)
    received = emails()[-1]
    assert received.subject == "Your comment wasn’t published: https://paper.example/story"
    for part in ("It’s a personal attack", "Reviewed by a moderator.", "> First!"):
        assert part in received.text
    assert "Alice" not in received.message.as_string()
    path = path_in(received.message, "appeal")
    empty = presses(hanako.client, path, text="  ")
    assert empty.status_code == 422
    assert presses(hanako.client, path, text="I meant <myself>").status_code == 303
    comment = the_comment(db_session, "First!")
    newest = Decision.newest_of(comment)
    assert newest and (newest.actor, newest.reason, newest.note) == ("author", "appeal", "I meant <myself>")
    assert comment.status == Status.PENDING
    assert comment.reasons[-1] == {"check": "appeal", "verdict": "hold", "text": "I meant <myself>"}
    db_session.commit()
    token = hidden(app.test_client().get("/login"), "csrf_token")
    assert hanako.client.post(path, data={"csrf_token": token, "text": "again"}).status_code in (400, 409)
    assert "received your appeal" in hanako.client.get(path, headers=ENGLISH).text
    decides(db_session, "First!", Status.REJECTED, alice, Reason.ATTACK)
    second = emails()[-1]
    assert "result of your appeal" in second.text and "/appeal/" not in second.text


def test_erasing_an_author_erases_appeals(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    decides(db_session, "First!", Status.REJECTED, alice)
    presses(hanako.client, path_in(emails()[-1].message, "appeal"), text="I was in hospital")
    for _step in person_erasure.erase(person.find(HANAKO), person_erasure.Receipt(), remove_text=False):
        db_session.commit()
    db_session.commit()
    comment = the_comment(db_session, "First!")
    assert "hospital" not in str(comment.reasons)
    assert {each.note for each in db_session.query(Decision)} == {""}


def test_an_erased_author_cannot_appeal(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    decides(db_session, "First!", Status.REJECTED, alice)
    link = path_in(emails()[-1].message, "appeal")
    for _step in person_erasure.erase(person.find(HANAKO), person_erasure.Receipt(), remove_text=False):
        db_session.commit()
    db_session.commit()
    assert hanako.client.get(link).status_code == 410
    assert the_comment(db_session, "First!").status == Status.REJECTED


def test_an_approval_is_emailed_also_after_late_confirmation(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    hanako.post("First!", notify="y", lang="en")
    decides(db_session, "First!", Status.APPROVED, alice)
    (asks,) = emails()
    presses(hanako.client, path_in(asks.message, "mail/confirm"))
    told = emails()[-1]
    assert told.subject.startswith("Your comment was published") and "#comment-" in told.text


def test_an_undone_decision_sends_no_email(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    undo(decides(db_session, "First!", Status.REJECTED, alice), by=alice)
    db_session.commit()
    assert len(emails()) == 1


def test_no_email_about_spam(hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session) -> None:
    confirmed(hanako, emails)
    decides(db_session, "First!", Status.SPAM, alice)
    hanako.post("Second", notify="y", subject="filled in")
    assert len(emails()) == 1


def test_typing_anothers_confirmed_address_sends_no_email(
    app: Flask, hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    forger = Reader(app.test_client(), email=hanako.email)
    first, second = hanako.post("Mine", notify="y"), forger.post("Not hers: http://evil.example", notify="y")
    assert first.status_code == second.status_code == 202
    decides(db_session, "Not hers: http://evil.example", Status.REJECTED, alice)
    assert not any("evil" in received.message.as_string() for received in emails())
    assert db_session.query(Author).count() == 2


def test_an_address_is_asked_twice_a_day_at_most_and_silence_is_kept(
    app: Flask, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    answers = set()
    for at in range(6):
        answer = Reader(app.test_client(), email="victim@elsewhere.example").post(f"number {at}", notify="y", lang="en")
        answers.add((answer.status_code, re.sub(r"number \d|[\w.-]{20,}|\d+", "", answer.text)[:200]))
    assert len(answers) == 1, "the response does not reveal known addresses"
    asked = emails()
    assert len(asked) == authors.MAX_CONFIRMATIONS_A_DAY
    one_click = asked[0].message["List-Unsubscribe"].strip("<>").removeprefix("http://localhost")
    assert asked[0].message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    answer = app.test_client().post(one_click, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code in (200, 303)
    db_session.execute(text("DELETE FROM delivery"))
    db_session.commit()
    Reader(app.test_client(), email="Victim@Elsewhere.example").post("once more", notify="y")
    assert len(emails()) == authors.MAX_CONFIRMATIONS_A_DAY
    app.test_client().post(one_click, data={"again": "1"})
    Reader(app.test_client(), email="victim@elsewhere.example").post("and again", notify="y")
    assert len(emails()) == authors.MAX_CONFIRMATIONS_A_DAY + 1


def test_a_busy_author_gets_ten_emails_a_day(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    for at in range(authors.MAX_EMAILS_A_DAY + 3):
        hanako.post(f"number {at}", notify="y")
        decides(db_session, f"number {at}", Status.APPROVED, alice)
    assert len(emails()) == authors.MAX_EMAILS_A_DAY


def test_a_changed_link_opens_nothing(
    app: Flask, hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    decides(db_session, "First!", Status.REJECTED, alice)
    visitor = app.test_client()
    for page, received in (("mail/confirm", emails()[0]), ("mail/stop", emails()[1]), ("appeal", emails()[1])):
        path = path_in(received.message, page)
        token = path.rsplit("/", 1)[1]
        for at in range(0, len(token) - 1, 3):
            other = "A" if token[at] != "A" else "B"
            changed = f"/{page}/{token[:at]}{other}{token[at + 1 :]}"
            assert visitor.get(changed).status_code == 410, at
        for wrong in {"mail/confirm", "mail/stop", "appeal"} - {page}:
            assert visitor.get(f"/{wrong}/{token}").status_code == 410


def test_names_and_titles_write_no_headers(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    hanako.name = "Hanako\r\nBcc: all@example.org"
    confirmed(hanako, emails)
    comment = the_comment(db_session, "First!")
    comment.thread.title, comment.name = "Story\r\nBcc: x@example.org", "x\r\nBcc: y@example.org"
    db_session.commit()
    decides(db_session, "First!", Status.APPROVED, alice)
    received = emails()[-1]
    assert received.message["To"] and "Bcc" not in received.message


def undoes(db_session: Session, decision: Decision, by: Moderator) -> Decision:
    undone = undo(decision, by=by)
    db_session.commit()
    return undone


def test_an_undo_corrects_an_email_that_was_sent(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    approved = decides(db_session, "First!", Status.APPROVED, alice)
    assert "was published" in emails()[-1].subject
    undone = undoes(db_session, approved, alice)
    assert authors.told_before([undone]) == authors.Told(authors=1, corrections=1, subscribers=0)
    received = emails()[-1]
    assert received.subject == "Correction about your comment: https://paper.example/story"
    html = received.message.get_body(("html",)).get_content()
    for part in (received.text, html):
        assert "was published. A moderator has undone that decision." in " ".join(part.split())
        assert "waiting for review again" in part and "First!" in part and "/mail/stop/" in part
    assert "Alice" not in received.message.as_string()
    rejected = decides(db_session, "First!", Status.REJECTED, alice, Reason.ATTACK)
    assert "wasn’t published" in emails()[-1].subject
    undoes(db_session, rejected, alice)
    assert "We told you that your comment on Paper wasn’t published." in emails()[-1].text
    assert len(emails()) == 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_confirmation_of_an_undo_says_that_the_author_was_told(
    app: Flask, hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    approved = decides(db_session, "First!", Status.APPROVED, alice)
    emails()
    desk = at_the_desk(app)
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    fields = {"csrf_token": token, "decision": str(approved.id)}
    db_session.commit()
    script = ENGLISH | {"X-Requested-With": "fetch"}
    said = " ".join(desk.post("/moderate/decisions/undo", data=fields, headers=script).text.split())
    assert "Undone. " in said and "The author was already told. A correction follows by email." in said


def test_an_undo_within_the_window_sends_the_email_that_was_recalled(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    decides(db_session, "First!", Status.APPROVED, alice)
    rejected = decides(db_session, "First!", Status.REJECTED, alice)
    undone = undoes(db_session, rejected, alice)
    assert authors.told_before([undone]).authors == 0
    assert [received.subject[:26] for received in emails()[1:]] == ["Your comment was published"]
    # Told that it is published, which an undone rejection does not change.
    undoes(db_session, decides(db_session, "First!", Status.REJECTED, alice), alice)
    assert len(emails()) == 2


def test_a_decision_after_an_undo_recalls_the_correction(
    hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    approved = decides(db_session, "First!", Status.APPROVED, alice)
    emails()
    undoes(db_session, approved, alice)
    decides(db_session, "First!", Status.APPROVED, alice)
    assert [received.subject.partition(":")[0] for received in emails()[1:]] == ["Your comment was published"] * 2


def test_no_correction_goes_to_an_author_who_has_unsubscribed(
    app: Flask, hanako: Reader, alice: Moderator, emails: Callable[[], list], db_session: Session
) -> None:
    confirmed(hanako, emails)
    approved = decides(db_session, "First!", Status.APPROVED, alice)
    hanako.client.post(path_in(emails()[-1].message, "mail/stop"))
    undone = undoes(db_session, approved, alice)
    assert authors.told_before([undone]) == authors.Told(authors=1, corrections=0, subscribers=0)
    assert len(emails()) == 2
