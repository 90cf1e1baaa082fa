"""The first steps of a site: whether a page has shown its thread, and whether a test email has arrived."""

from dataclasses import dataclass

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Delivery, Moderator, Site, Thread
from app.notify import outbox, trial_email


@dataclass(frozen=True)
class Progress:
    """`email` is the newest test email: '', waiting, sent, or the trouble in `error`."""

    viewed: bool
    email: str
    error: str = ""


def progress_of(site: Site, me: Moderator) -> Progress:
    newest = _newest_email(me)
    if newest is None:
        return Progress(_is_viewed(site), "")
    if newest.error and newest.outcome != "sent":
        return Progress(_is_viewed(site), "failed", newest.error)
    return Progress(_is_viewed(site), "waiting" if newest.done_at is None else newest.outcome)


def send_test_email(site: Site, me: Moderator) -> None:
    """Queue one. Raises Refused without a mail server (409) and after too many (429)."""
    if not current_app.config["MAIL_URL"]:
        raise Refused("mail_unset", _("Email isn’t set up (MAIL_URL)."), status=409)
    to = outbox.recipient(me.email)
    if Delivery.count_to(to, now() - trial_email.DAY, trial_email.KIND) >= trial_email.MOST_A_DAY:
        raise Refused("flood", _("Too many test emails today. Try again tomorrow."), status=429)
    outbox.add(trial_email.KIND, moderator_id=me.id, site_id=site.id, once=f"{trial_email.KIND} {me.id}", recipient=to)


def _is_viewed(site: Site) -> bool:
    """Sites from before this was recorded have threads."""
    if site.first_view_at is not None:
        return True
    return db.session.scalar(select(Thread.id).where(Thread.site_id == site.id).limit(1)) is not None


def _newest_email(me: Moderator) -> Delivery | None:
    mine = Delivery.moderator_id == me.id, Delivery.kind == trial_email.KIND
    return db.session.scalar(select(Delivery).where(*mine).order_by(Delivery.id.desc()).limit(1))
