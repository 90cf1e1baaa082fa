"""Readers flag what everybody sees: once each; enough of them bring it to the desk, a moderator's look answers them."""

from datetime import datetime, timedelta

from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Reason, Report, Status
from app.models.report import Reporter
from app.moderation.decide import decide

REASON = "reports"
# A reader who finds more than this in an hour should write to the publisher; a program always does.
PER_READER, WINDOW = 20, timedelta(hours=1)
# As posts are: a /48 may be many people, or one who hops.
WIDE_TIMES = 4


def report(comment: Comment, *, reader: Reporter, reason: Reason, note: str = "") -> None:
    """Keep a reader's flag on a public comment, in the caller's transaction. Raises Refused (429).

    The second flag from the same network on the same text is taken and changes nothing; nor does any other, for
    whatever reason, once a moderator has let this text stand.
    """
    if _reports_too_much(reader, now() - WINDOW):
        raise Refused("flood", _("You’ve sent several reports. Please try again later."), status=429)
    # Of two last reports that arrive together, one must see the other.
    db.session.refresh(comment, with_for_update=True)
    if comment.status != Status.APPROVED:
        return
    earlier = Report.by_reader(comment, reader.network)
    if earlier and not _is_about_an_earlier_text(earlier, comment):
        return
    kept = earlier or Report(site_id=comment.site_id, comment=comment, reporter_index=reader.network)
    kept.wide_index = reader.wide
    kept.reason, kept.note, kept.made_at, kept.comment_version = reason, note, now(), comment.version
    kept.decision = Report.answer_to(comment)
    db.session.add(kept)
    db.session.flush()
    if kept.decision is None:
        _bring_to_the_desk(comment)


def _reports_too_much(reader: Reporter, since: datetime) -> bool:
    wide = reader.wide and Report.count_around(reader.wide, since) >= PER_READER * WIDE_TIMES
    return bool(wide) or Report.count_by(reader.network, since) >= PER_READER


def _is_about_an_earlier_text(report: Report, comment: Comment) -> bool:
    return comment.edited_at is not None and report.made_at < comment.edited_at


def _bring_to_the_desk(comment: Comment) -> None:
    site, count = comment.site, Report.count_open(comment)
    if site.reports_to_hide and count >= site.reports_to_hide:
        _decide(comment, Status.PENDING)
    elif site.reports_needed and count >= site.reports_needed and not comment.lane:
        _decide(comment, Status.APPROVED)


def _decide(comment: Comment, status: Status) -> None:
    """Also where it stays public, so that the log tells how it came to the desk."""
    decide(comment, status, seen=comment.version, actor=Actor.SYSTEM, reason=REASON)
