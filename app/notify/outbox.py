"""The outbox: deliveries are claimed, sent, retried with back-off, and given up visibly."""

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from email.message import EmailMessage
from urllib.parse import urlsplit
from uuid import uuid4

from flask import current_app
from sqlalchemy import case
from sqlalchemy.dialects import postgresql, sqlite

from app.errors import NotSent
from app.extensions import db
from app.lib import metrics, spans
from app.lib.clock import now
from app.lib.redact import scrubbed
from app.lib.secrets import Index, blind_index, is_unreadable
from app.lib.watch import Watch
from app.models import Comment, Decision, Delivery
from app.models.delivery import ANSWER, CHECKERS, CORRECTION, LONGEST_PAUSE, STATEMENT, group_of
from app.notify import (
    account_email,
    author_email,
    brake_email,
    checker_email,
    digest,
    flood_email,
    invitation,
    notice_email,
    reply_email,
    score_email,
    smtp,
    trial_email,
    webhook_alert,
)
from app.notify.breaker import Breaker
from app.notify.headers import domain_of

log = logging.getLogger(__name__)

# Builds the email of each kind; None if there is nothing to send.
COMPOSE: dict[str, Callable[[Delivery], EmailMessage | None]] = {
    "digest": digest.compose,
    "flood": flood_email.compose,
    "brake": brake_email.compose,
    "score": score_email.compose,
    "checker": checker_email.compose,
    "confirm": author_email.compose_confirmation,
    ANSWER: author_email.compose_answer,
    CORRECTION: author_email.compose_correction,
    "invitation": invitation.compose,
    trial_email.KIND: trial_email.compose,
    notice_email.ALERT: notice_email.compose_alert,
    notice_email.RECEIPT: notice_email.compose_receipt,
    notice_email.DECISION: notice_email.compose_decision,
    notice_email.INQUIRY: notice_email.compose_inquiry,
    STATEMENT: notice_email.compose_statement,
    account_email.RESET: account_email.compose_reset,
    account_email.CHANGE: account_email.compose_change,
    account_email.NEWS: account_email.compose_news,
    reply_email.KIND: reply_email.compose,
    webhook_alert.KIND: webhook_alert.compose,
}

# Without these, a rate would miss the first that is given up.
for _kind in (*COMPOSE, CHECKERS):
    metrics.note_kind(_kind)

# Sends a delivery and returns the outcome, '' if postponed. Raises NotSent. Commits before it talks to a server.
Carrier = Callable[[Delivery], str]

FIRST_PAUSE = timedelta(seconds=30)
# About four days, as mail servers do (RFC 5321, 4.5.4.1).
TRIES = 24
# A permanent refusal may come from a server that is being set up.
TRIES_WHEN_REFUSED_FOR_GOOD = 4
# Seconds without a change after which a claim is that of a dead worker; longer than a slow mail server takes.
DEAD_S = 180.0
# Claims that are watched do not delay those behind them.
AMONG = 50


def add(
    kind: str,
    *,
    moderator_id: int | None = None,
    comment: Comment | None = None,
    once: str | None = None,
    payload: str = "",
    recipient: str | None = None,
    due_at: datetime | None = None,
    decision: Decision | None = None,
    site_id: int | None = None,
    hasten: bool = False,
) -> None:
    """Insert a delivery unless an unsent one with the same `once` exists (upsert).

    A delivery of a `decision` is due after the undo window, and the next decision recalls it.

    With `hasten` a waiting one becomes due at `due_at`, unless it is due earlier.

    The waiting row is locked by an update: otherwise a worker could send it without the new cause.
    """
    dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
    new = dialect.insert(Delivery).values(
        kind=kind,
        site_id=site_id or _site_of(decision or comment),
        once=once,
        moderator_id=moderator_id,
        decision_id=decision.id if decision else None,
        comment_id=comment.id if comment else None,
        payload=payload,
        recipient=recipient,
        message_id=new_message_id(),
        due_at=due_at or now() + (undo_window() if decision else timedelta()),
    )
    sooner = case((Delivery.due_at > new.excluded.due_at, new.excluded.due_at), else_=Delivery.due_at)
    db.session.execute(
        new.on_conflict_do_update(
            index_elements=["once"],
            index_where=Delivery.done_at.is_(None),
            set_={"due_at": sooner if hasten else Delivery.due_at},
        )
    )


def _site_of(cause: Comment | Decision | None) -> int | None:
    return cause.site_id if cause else None


def recipient(email: str) -> Index:
    """The keyed hash by which emails to an address are counted."""
    return blind_index("recipient", email.strip().casefold())


def undo_window() -> timedelta:
    return timedelta(seconds=current_app.config["UNDO_WINDOW"])


def email_carriers(*kinds: str) -> dict[str, Carrier]:
    """Carriers of emails by kind, of these kinds or of all; none without a mail server."""
    return dict.fromkeys(kinds or COMPOSE, _send_email) if current_app.config["MAIL_URL"] else {}


def prompt_carriers() -> dict[str, Carrier]:
    """Carriers of emails that do not wait behind those to the subscribers of a page."""
    return email_carriers(*(kind for kind in COMPOSE if kind != reply_email.KIND))


def run_once(
    carriers: Mapping[str, Carrier] | None = None, breaker: Breaker | None = None, watch: Watch | None = None
) -> bool:
    """Send the delivery that is due longest, of the kinds in `carriers` (default: emails); False if none is due.
    Commits.

    `breaker` is told whether the receiver answered. With `watch`, the claim of a worker that died is taken over only
    after it was watched for a while: a clock that jumps ends the lease of one that is sending.
    """
    carriers = email_carriers() if carriers is None else carriers
    id, seen = _next_due(carriers, watch)
    if id and _begin(id, seen):
        with spans.span("delivery", group_of(db.session.get_one(Delivery, id).kind)):
            _deliver(id, carriers, breaker or Breaker())
    db.session.rollback()
    return bool(id)


def _next_due(kinds: Iterable[str], watch: Watch | None) -> tuple[int, datetime | None]:
    """Its id and the time of an earlier claim; 0 if none is due."""
    due = Delivery.due_with_claims(kinds, limit=AMONG if watch else 1)
    return next(((id, at) for id, at in due if not (watch and at) or watch.is_silent(id, at)), (0, None))


def _begin(id: int, seen: datetime | None) -> bool:
    """Claim and prepare a delivery in one transaction; False if it is not to be sent now."""
    if not Delivery.claim(id, seen):
        return False
    try:
        ready = _is_ready(db.session.get_one(Delivery, id))
    except Exception as trouble:
        db.session.rollback()
        Delivery.claim(id, seen)
        _fail(id, trouble)
        ready = False
    db.session.commit()
    return ready


def _is_ready(delivery: Delivery) -> bool:
    if is_unreadable(delivery.payload):
        raise NotSent("The delivery cannot be decrypted.", for_good=True)
    return digest.begin(delivery) and reply_email.begin(delivery)


def _deliver(id: int, carriers: Mapping[str, Carrier], breaker: Breaker) -> None:
    delivery = db.session.get_one(Delivery, id)
    kind = delivery.kind
    try:
        outcome = carriers[kind](delivery)
    except NotSent as trouble:
        _note(breaker, trouble)
        _fail(id, trouble)
    except Exception as trouble:
        db.session.rollback()
        _fail(id, trouble)
    else:
        breaker.note_answer()
        metrics.note_delivery(group_of(kind), outcome)
        if outcome:
            delivery.finish(outcome)
    db.session.commit()


def _note(breaker: Breaker, trouble: NotSent) -> None:
    if trouble.stalled:
        log.warning("receiver stalls or is away", extra={"seconds": round(breaker.note_stall(), 1)})
    else:
        breaker.note_answer()


def _tries(trouble: NotSent) -> int:
    if trouble.hopeless:
        return 1
    return TRIES_WHEN_REFUSED_FOR_GOOD if trouble.for_good else TRIES


def _fail(id: int, trouble: Exception) -> None:
    delivery = db.session.get(Delivery, id)
    if delivery is None:
        return
    if isinstance(trouble, NotSent):
        level = logging.WARNING if trouble.hopeless else logging.ERROR
        _try_again(delivery, str(trouble), _tries(trouble), level=level)
        return
    log.error("delivery is broken", exc_info=trouble, extra={"delivery": id})
    _try_again(delivery, type(trouble).__name__, TRIES)


def _send_email(delivery: Delivery) -> str:
    message = COMPOSE[delivery.kind](delivery)
    db.session.commit()
    if message:
        smtp.send(message)
    return "sent" if message else "nothing to say"


def _try_again(delivery: Delivery, trouble: str, tries: int, level: int = logging.ERROR) -> None:
    details = {"delivery": delivery.id, "kind": delivery.kind, "attempts": delivery.attempts}
    trouble = scrubbed(trouble)
    delivery.fail()
    metrics.note_delivery(group_of(delivery.kind), "gave up" if delivery.attempts >= tries else "failed")
    if delivery.attempts >= tries:
        delivery.finish("gave up", trouble)
        log.log(level, "delivery given up", extra=details | {"trouble": trouble})
        return
    delivery.retry(pause_after(delivery.attempts), trouble)
    log.warning("delivery not sent yet", extra=details | {"trouble": trouble})


def pause_after(attempts: int) -> timedelta:
    """Exponential back-off with jitter of a quarter."""
    pause: timedelta = min(FIRST_PAUSE * 2 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311 (spreads load, guards nothing)


def new_message_id() -> str:
    return f"<{uuid4().hex}@{domain_of(urlsplit(current_app.config['PUBLIC_URL']))}>"
