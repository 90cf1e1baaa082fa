"""Legal notices: receive them, decide with a statement of reasons, and remind of the deadline."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Claim, Comment, Decision, Delivery, Moderator, Notice, NoticeState, Outcome, Party, Status
from app.moderation import legal_hold
from app.moderation.decide import decide, undo
from app.moderation.notice_state import move, note, reopen
from app.notify import authors, events
from app.notify.notice_email import INQUIRY

REASON = "notice"
# Moderators are reminded so long before the deadline, but not before half of the term.
REMINDED_BEFORE = timedelta(days=2)
# The term of an inquiry; the day on which it was sent does not count.
INQUIRY_DAYS = 7
# About one comment, of all its notices.
MOST_INQUIRIES = 50
CONSENT, OBJECTION, NONE = "consent", "objection", "none"
# Six months, as for authors (Digital Services Act, article 20).
OBJECTION_LASTS = timedelta(days=183)


@dataclass(frozen=True)
class Draft:
    """A notice as typed; `name` and `email` may be empty where the law allows that."""

    claim: Claim
    explanation: str
    law: str = ""
    name: str = ""
    email: str = ""
    lang: str = ""


@dataclass(frozen=True)
class Ruling:
    """The outcome with its statement of reasons; `ground` is "law" or "rules"."""

    outcome: Outcome
    facts: str
    ground: str = ""
    provision: str = ""


def submit(comment: Comment, draft: Draft) -> Notice:
    """Store a notice about a public comment and queue the receipt. Raises Refused (409).

    The same notice again, such as after a second press, returns the first one.
    """
    # Of two concurrent notices, the second must see the first.
    comment.lock()
    if not comment.is_public:
        raise Refused("not_public", _("This comment is no longer public."), status=409)
    if earlier := _same(comment, draft):
        return earlier
    notice = Notice(
        site_id=comment.site_id,
        site=comment.site,
        comment=comment,
        claim=draft.claim,
        law=draft.law,
        explanation=draft.explanation,
        name=draft.name,
        email=draft.email,
        lang=draft.lang,
        sha256=legal_hold.digest(comment.body),
        made_at=now(),
        due_at=now() + timedelta(days=comment.site.notice_days),
    )
    db.session.add(notice)
    db.session.flush()
    note(notice, "opened", party=Party.NOTIFIER)
    events.notice_opened(notice, "opened")
    return notice


def confirm(notice: Notice) -> None:
    """The owner of the email address confirms the notice."""
    if not notice.confirmed_at and not notice.disowned_at:
        notice.confirmed_at = now()
        note(notice, "confirmed", party=Party.NOTIFIER)


def disown(notice: Notice) -> None:
    """The owner of the email address did not send the notice: name and address are erased."""
    if not notice.disowned_at:
        notice.disowned_at, notice.confirmed_at = now(), None
        notice.name = notice.email = ""
        note(notice, "disowned", party=Party.NOTIFIER)


def close(notice: Notice, ruling: Ruling, *, seen: int, comment_seen: int, by: Moderator) -> None:
    """Decide a case and queue the statements of reasons.

    `seen` and `comment_seen` are the versions of notice and comment that the moderator saw. Raises Refused (409) if one
    has changed, AlreadyDecided among them.
    """
    if notice.is_closed:
        raise Refused("closed", _("This case has been decided already."), status=409)
    # An inquiry that was not sent yet never is: after a reopening it can be made again.
    unasked: dict[str, Any] = {} if notice.answer or _is_sent(notice) else {"asked_at": None}
    decision = _apply(notice.comment, ruling.outcome, seen=comment_seen, by=by)
    removed = decision if ruling.outcome == Outcome.REMOVED else None
    move(
        notice, NoticeState.CLOSED, "closed", seen=seen, by=by, text=ruling.facts,
        outcome=ruling.outcome, ground=ruling.ground, provision=ruling.provision, facts=ruling.facts,
        closed_at=now(), decision_id=removed.id if removed else None, **unasked,
    )  # fmt: skip
    events.notice_closed(notice)


def _apply(comment: Comment, outcome: Outcome, *, seen: int, by: Moderator) -> Decision | None:
    """The decision on the comment; None if its status stays."""
    comment.lock()
    if comment.version != seen:
        said = _("This comment was updated since you opened it. Review it and try again.")
        raise Refused("already_decided", said, status=409)
    if outcome == Outcome.REMOVED:
        waits = comment.status in (Status.APPROVED, Status.PENDING)
        return decide(comment, Status.REJECTED, seen=seen, by=by, reason=REASON) if waits else None
    if comment.status == Status.PENDING:
        return decide(comment, Status.APPROVED, seen=seen, by=by, reason=REASON)
    if comment.status != Status.APPROVED:
        raise Refused(
            "not_public", _("The comment isn’t public. Approve it first, or choose “Remove the comment”."), status=409
        )
    return None


def take_back(notice: Notice, *, seen: int, by: Moderator) -> None:
    """Reopen a decided case; a comment that it removed becomes public again. Raises Refused (409)."""
    if not notice.is_closed:
        raise Refused("open", _("This case is open already."), status=409)
    decision = notice.decision
    if decision and decision.version == notice.comment.version:
        # Reopens every case that this decision closed.
        undo(decision, by=by)
    else:
        reopen(notice, "reopened", seen=seen, by=by)


def may_object(notice: Notice) -> bool:
    """Once, after the decision."""
    return (
        notice.is_closed
        and notice.closed_at is not None
        and not (notice.objected_at or notice.closed_at + OBJECTION_LASTS <= now())
    )


def object_to(notice: Notice, text: str) -> None:
    """The notifier objects to the decision; a moderator looks at the case again. Raises Refused (409)."""
    if not may_object(notice):
        raise Refused("no_objection", _("This decision can no longer be objected to."), status=409)
    notice.objected_at = now()
    db.session.flush()
    reopen(notice, "appealed", seen=notice.version, party=Party.NOTIFIER, text=text)


def ask(notice: Notice, question: str, *, seen: int, by: Moderator) -> None:
    """Ask the comment's author whether they agree to the removal. Raises Refused (409)."""
    if notice.is_closed:
        raise Refused("closed", _("This case has been decided already."), status=409)
    if notice.asked_at:
        raise Refused("asked", _("The author was asked already."), status=409)
    if not authors.may_state(notice.comment.author):
        said = _("The author has no confirmed email address, or has unsubscribed, and gets no email.")
        raise Refused("unreachable", said, status=409)
    move(
        notice, NoticeState.INQUIRY, "asked", seen=seen, by=by, text=question,
        asked_at=now(), question=question, answer="",
    )  # fmt: skip
    events.author_asked(notice)


def take_answer(notice: Notice, answer: str, text: str = "") -> None:
    """The author agrees or objects, once, and until the case is decided. Raises Refused (409)."""
    if notice.is_closed or not may_answer(notice):
        raise Refused("answered", _("This question has been answered, or the case is decided."), status=409)
    event = "consented" if answer == CONSENT else "objected"
    move(notice, NoticeState.OPEN, event, seen=notice.version, party=Party.AUTHOR, text=text, answer=answer)
    events.tell_of_notice(notice, event)


def may_answer(notice: Notice) -> bool:
    """A late answer is taken, too."""
    return not notice.is_closed and notice.asked_at is not None and notice.answer in ("", NONE)


def answer_until(notice: Notice) -> datetime | None:
    """The end of the author's term, in the site's time zone; None while the email is not sent."""
    delivery = _inquiry(notice)
    if notice.asked_at is None or (delivery and delivery.outcome != "sent"):
        return None
    # The outbox forgets its emails after some weeks.
    began = (delivery.done_at if delivery else None) or notice.asked_at
    last = began.astimezone(ZoneInfo(notice.site.timezone)) + timedelta(days=INQUIRY_DAYS)
    return last.replace(hour=23, minute=59, second=59, microsecond=0)


def _inquiry(notice: Notice) -> Delivery | None:
    """The newest email about the inquiry; None once it is pruned."""
    queued = Delivery.newest_about(notice.comment, INQUIRY, limit=MOST_INQUIRIES)
    return next((each for each in queued if json.loads(each.payload)["notice"] == notice.id), None)


def _is_sent(notice: Notice) -> bool:
    delivery = _inquiry(notice)
    return delivery is None or delivery.outcome == "sent"


def run_clocks() -> Iterator[None]:
    """Remind of deadlines, and end the terms of inquiries; yields after each case, and the caller commits."""
    yield from _remind()
    for notice in Notice.inquiring():
        until, delivery = answer_until(notice), _inquiry(notice)
        if delivery and delivery.outcome in ("gave up", "nothing to say"):
            move(notice, NoticeState.OPEN, "undelivered", seen=notice.version, asked_at=None)
            events.tell_of_notice(notice, "undelivered")
            yield
        elif until and until < now():
            move(notice, NoticeState.OPEN, "unanswered", seen=notice.version, answer=NONE)
            events.tell_of_notice(notice, "unanswered")
            yield


def _remind() -> Iterator[None]:
    """Remind moderators of deadlines."""
    for notice in Notice.to_remind(now() + REMINDED_BEFORE):
        half = notice.due_at - timedelta(days=notice.site.notice_days) / 2
        if now() < max(notice.due_at - REMINDED_BEFORE, half):
            continue
        notice.reminded_at = now()
        note(notice, "reminded")
        events.tell_of_notice(notice, "reminded")
        yield


def _same(comment: Comment, draft: Draft) -> Notice | None:
    """An open notice with the same values."""
    wanted = (draft.claim, draft.email, draft.explanation)
    waiting = (each for each in Notice.newest_of(comment) if not each.is_closed)
    return next((each for each in waiting if (each.claim, each.email, each.explanation) == wanted), None)
