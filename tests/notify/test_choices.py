"""Each moderator chooses the emails about comments: a digest, urgent ones at once, none; and quiet hours."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.lib import clock
from app.models import Moderator, Site
from app.models.moderator import Emails
from tests.cast import Reader
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
    token = hidden(desk.get("/account/emails"), "csrf_token")
    fields = {"csrf_token": token, "emails": "urgent", "quiet_from": "22", "quiet_until": "7"}
    assert desk.post("/account/emails", data=fields).status_code == 303
    db_session.expire_all()
    assert (alice.emails, alice.quiet_from, alice.quiet_until) == ("urgent", 22, 7)
    db_session.commit()
    page = desk.get("/account/emails").text
    assert page.count(" checked") == 1 and page.count(" selected") == 2
    for wrong in ({"emails": "all"}, {"quiet_from": "24"}, {"quiet_until": "x"}):
        assert desk.post("/account/emails", data=fields | wrong).status_code == 422
    assert desk.post("/account/emails", data=fields | {"quiet_until": "22"}).status_code == 303
    db_session.expire_all()
    assert (alice.quiet_from, alice.quiet_until) == (None, None)
    db_session.commit()
