"""The digest: pending comments since the last one, in one email to a moderator."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from flask import current_app, render_template
from flask_babel import ngettext as _n

from app.extensions import db
from app.lib import markup
from app.lib.clock import latest, now
from app.lib.language import speaking
from app.lib.text import clean_line, excerpt
from app.models import Comment, Delivery, Moderator, Status, waiting
from app.models.moderator import Emails
from app.models.waiting import Span
from app.notify import smtp
from app.notify.decision_links import link_for

LISTED = 10  # comments; an email should fit on a screen
EXCERPT = 200  # characters
# A comment may be committed a moment after its timestamp.
OVERLAP = timedelta(seconds=10)
# Between two emails with urgent comments to a moderator who wants them at once.
URGENT_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Line:
    """A comment in the email, with the author's public name only."""

    site: str
    page: str
    name: str
    text: str
    links: dict[str, str]


def begin(delivery: Delivery) -> bool:
    """Claim the moderator's turn for a digest; False if it must wait.

    A digest keeps its time span through all retries. Later comments queue another digest.
    """
    if delivery.kind != "digest" or delivery.payload:
        return True
    moderator = db.session.get_one(Moderator, delivery.moderator_id)
    if quiet_end := moderator.quiet_end(now()):
        delivery.put_off(quiet_end)
        return False
    span = _next_span(moderator)
    if moderator.emails == Emails.NONE or not waiting.count(moderator, span):
        delivery.finish("nothing to say")
        return False
    distance = _distance(moderator, span)
    if not waiting.take_turn(moderator, distance):
        delivery.put_off(min(moderator.digest_at or now(), latest()) + distance)
        return False
    delivery.payload, delivery.once = _stored_span(moderator, span), None
    return True


def _distance(moderator: Moderator, span: Span) -> timedelta:
    """The least time between this digest and the one before."""
    is_urgent = Emails(moderator.emails).at_once and waiting.count(moderator, replace(span, urgent=True))
    return URGENT_EVERY if is_urgent else timedelta(seconds=current_app.config["DIGEST_EVERY"])


def compose(delivery: Delivery) -> EmailMessage | None:
    """The email about pending comments of the delivery's time span; None without any."""
    moderator = db.session.get_one(Moderator, delivery.moderator_id)
    span = _span_of(json.loads(delivery.payload))
    count = waiting.count(moderator, span)
    if not count:
        return None
    comments = waiting.oldest(moderator, span, LISTED)
    with speaking(moderator.lang or comments[0].site.lang):
        return _email(delivery, moderator, comments, count)


def _next_span(moderator: Moderator) -> Span:
    before = Delivery.last_begun("digest", moderator.id)
    told = json.loads(before)["fresh"] if before else ()
    since = min(moderator.digest_at, now()) - OVERLAP if moderator.digest_at else None
    return Span(since, now(), tuple(told), urgent=moderator.emails == Emails.URGENT)


def _stored_span(moderator: Moderator, span: Span) -> str:
    """The span as JSON, with comments that the next digest would repeat."""
    fresh = waiting.ids(moderator, replace(span, since=now() - 2 * OVERLAP))
    shown = [moment.isoformat() if moment else None for moment in (span.since, span.until)]
    return json.dumps({"span": shown, "told": list(span.told), "fresh": list(fresh), "urgent": span.urgent})


def _span_of(stored: dict[str, Any]) -> Span:
    since, until = (datetime.fromisoformat(text) if text else None for text in stored["span"])
    return Span(since, until, tuple(stored["told"]), stored.get("urgent", False))


def _email(delivery: Delivery, moderator: Moderator, comments: Sequence[Comment], count: int) -> EmailMessage:
    names = ", ".join(sorted({clean_line(comment.site.name) for comment in comments}))
    context = {
        "moderator": clean_line(moderator.name),
        "lines": [_line(comment, moderator) for comment in comments],
        "count": count,
        "more": count - len(comments),
        "all": waiting.count(moderator, Span()),
        "queue": current_app.config["PUBLIC_URL"] + "/moderate/",
        "lang": moderator.lang or comments[0].site.lang,
    }
    return smtp.build_message(
        to=moderator.email,
        name=moderator.name,
        subject=_n("%(num)d comment waiting: %(sites)s", "%(num)d comments waiting: %(sites)s", count, sites=names),
        text=render_template("mail/digest.txt", **context),
        html=render_template("mail/digest.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
    )  # fmt: skip


def _line(comment: Comment, moderator: Moderator) -> Line:
    statuses = (Status.APPROVED, Status.REJECTED, Status.SPAM)
    return Line(
        site=clean_line(comment.site.name),
        page=clean_line(comment.thread.label),
        name=clean_line(comment.name),
        text=excerpt(markup.plain(comment.html), EXCERPT),
        links={status.value: link_for(comment, status, moderator) for status in statuses},
    )
