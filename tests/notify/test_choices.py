"""Each moderator chooses the emails about comments: a digest, urgent ones at once, none; and quiet hours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.orm import Session

from app.lib import clock
from app.lib.secrets import blind_index
from app.models import Comment, Delivery, Moderator, Reason, Site, Status
from app.models.moderator import Emails
from app.models.report import Reporter
from app.moderation.reports import report
from tests.cast import Reader, move, the_comment
from tests.notify.test_outbox import hanako, later, send_all
from tests.services import MailServer
from tests.web.test_queue import at_the_desk, hidden

__all__ = ["hanako", "later"]


@pytest.mark.parametrize(
    ("choice", "subjects"),
    [
        (Emails.DIGEST, ["1 comment waiting: Paper"]),
        (Emails.BOTH, ["1 comment waiting: Paper", "2 comments waiting: Paper"]),
        (Emails.URGENT, ["1 comment waiting: Paper"]),
        (Emails.NONE, []),
    ],
)
def test_a_moderator_gets_the_chosen_emails(
    hanako: Reader,
    alice: Moderator,
    smtp: MailServer,
    later: Callable[..., None],
    db_session: Session,
    choice: Emails,
    subjects: list[str],
) -> None:
    alice.emails = choice
    db_session.commit()
    hanako.post("First")
    send_all()
    later(minutes=2)
    hanako.post("Second")
    hanako.post("I will sue you")
    send_all()
    assert [received.subject for received in smtp.emails] == subjects
    assert "sue you" in "".join(received.text for received in smtp.emails[-1:]) or not choice.at_once
    assert choice != Emails.URGENT or "First" not in smtp.emails[0].text
    later(minutes=20)
    send_all()
    assert len(smtp.emails) == (0 if choice == Emails.NONE else 1 if choice == Emails.URGENT else 2)


def test_urgent_emails_are_a_minute_apart(
    hanako: Reader, alice: Moderator, smtp: MailServer, later: Callable[..., None], db_session: Session
) -> None:
    alice.emails = Emails.URGENT
    db_session.commit()
    for at in range(5):
        hanako.post(f"I will sue you, number {at}")
        send_all()
    assert len(smtp.emails) == 1
    later(minutes=2)
    send_all()
    assert [received.subject for received in smtp.emails] == ["1 comment waiting: Paper", "4 comments waiting: Paper"]


@pytest.mark.parametrize("choice", Emails)
def test_reported_comments_are_emailed_as_urgent_once_enough_readers_reported_them(
    hanako: Reader,
    alice: Moderator,
    smtp: MailServer,
    later: Callable[..., None],
    db_session: Session,
    paper: Site,
    choice: Emails,
) -> None:
    paper.reports_needed = 2
    db_session.commit()
    public = [a_public_comment(db_session, hanako, f"Public {at}") for at in range(3)]
    db_session.query(Delivery).delete()
    alice.emails, alice.digest_at = choice, clock.now() - timedelta(minutes=2)
    db_session.commit()
    flag(db_session, public[0], "first")
    send_all()
    assert [each.subject for each in smtp.emails] == [], "one reader is not enough"
    flag(db_session, public[0], "second")
    send_all()
    assert len(smtp.emails) == choice.at_once
    assert all("Public 0" in each.text for each in smtp.emails)
    for each in public[1:]:
        for reader in ("first", "second", "third"):
            flag(db_session, each, reader)
        send_all()
    assert len(smtp.emails) == choice.at_once, "a burst of reports is no burst of emails"
    later(minutes=2)
    send_all()
    assert len(smtp.emails) == 2 * choice.at_once
    later(minutes=20)
    send_all()
    if choice == Emails.DIGEST:
        assert [received.subject for received in smtp.emails] == ["3 comments waiting: Paper"]
    else:
        assert len(smtp.emails) == 2 * choice.at_once
        assert all("Public 0" not in each.text and "Public 2" in each.text for each in smtp.emails[1:])


def a_public_comment(db_session: Session, reader: Reader, body: str) -> Comment:
    reader.post(body)
    comment = the_comment(db_session, body)
    move(db_session, comment, Status.APPROVED)
    return comment


def flag(db_session: Session, comment: Comment, reader: str) -> None:
    report(comment, reader=Reporter(blind_index("reader", reader)), reason=Reason.ATTACK)
    db_session.commit()


def test_emails_wait_until_the_quiet_hours_are_over(
    hanako: Reader, alice: Moderator, smtp: MailServer, later: Callable[..., None], db_session: Session
) -> None:
    hour = clock.now().astimezone(ZoneInfo(alice.timezone)).hour
    alice.quiet_from, alice.quiet_until, alice.emails = hour, (hour + 14) % 24, Emails.BOTH
    db_session.commit()
    hanako.post("I will sue you")
    send_all()
    later(hours=12)
    send_all()
    assert smtp.emails == []
    later(hours=3)
    send_all()
    assert len(smtp.emails) == 1


@pytest.mark.parametrize(
    ("start", "end", "moment", "over"),
    [
        (22, 7, "2026-11-30T21:30Z", "2026-11-30T22:00Z"),  # 6:30 in Tokyo
        (22, 7, "2026-11-30T13:00Z", "2026-11-30T22:00Z"),  # 22:00 in Tokyo
        (22, 7, "2026-11-30T12:59Z", None),
        (22, 7, "2026-11-30T22:00Z", None),
        (0, 6, "2026-11-30T15:00Z", "2026-11-30T21:00Z"),
        (None, None, "2026-11-30T15:00Z", None),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_quiet_hours_are_those_of_the_sites_time_zone(
    paper: Site, alice: Moderator, start: int | None, end: int | None, moment: str, over: str | None
) -> None:
    paper.timezone, alice.quiet_from, alice.quiet_until = "Asia/Tokyo", start, end
    found = alice.quiet_end(datetime.fromisoformat(moment))
    assert found == (datetime.fromisoformat(over) if over else None)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_choice_is_made_on_a_page_and_shown_there(app: Flask, alice: Moderator, db_session: Session) -> None:
    desk = at_the_desk(app)
    token = hidden(desk.get("/account"), "csrf_token")
    fields = {"csrf_token": token, "emails": "urgent", "quiet_from": "22", "quiet_until": "7"}
    assert desk.post("/account/emails", data=fields).status_code == 303
    db_session.expire_all()
    assert (alice.emails, alice.quiet_from, alice.quiet_until) == ("urgent", 22, 7)
    db_session.commit()
    page = BeautifulSoup(desk.get("/account").text, "html.parser")
    (form,) = page.select('form[action$="/account/emails"]')
    assert len(form.select("[checked]")) == 1 and len(form.select("[selected]")) == 2
    for wrong in ({"emails": "all"}, {"quiet_from": "24"}, {"quiet_until": "x"}):
        assert desk.post("/account/emails", data=fields | wrong).status_code == 422
    assert desk.post("/account/emails", data=fields | {"quiet_until": "22"}).status_code == 303
    db_session.expire_all()
    assert (alice.quiet_from, alice.quiet_until) == (None, None)
    db_session.commit()
