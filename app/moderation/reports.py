"""Readers' reports of public comments; enough of them put a comment into the queue."""

from datetime import datetime, timedelta

from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Reason, Report, Status
from app.models.decision import REPORTS
from app.models.report import Reporter
from app.moderation import brake
from app.moderation.decide import decide
from app.notify import events
from app.spam import learning

# More in an hour are probably sent by a program.
PER_READER, WINDOW = 20, timedelta(hours=1)
# A /48 may be many people, or one who changes addresses.
WIDE_TIMES = 4


def report(comment: Comment, *, reader: Reporter, reason: Reason, note: str = "") -> None:
    """Store a reader's report on a public comment. Raises Refused (429).

    A second report from the same network on the same text changes nothing, nor does one on a text that a moderator has
    confirmed.
    """
    if _reports_too_much(reader, now() - WINDOW):
        raise Refused("flood", _("You’ve sent several reports. Please try again later."), status=429)
    # Of two concurrent reports, the second must count the first.
    db.session.refresh(comment, with_for_update=True)
    if comment.status != Status.APPROVED:
        return
    earlier = Report.by_reader(comment, reader.network)
    if earlier and not _is_about_an_earlier_text(earlier, comment):
        return
    answer = Report.answer_to(comment)
    stored = earlier or Report(site_id=comment.site_id, comment=comment, reporter_index=reader.network)
    stored.wide_index = reader.wide
    stored.reason, stored.note, stored.made_at, stored.comment_version = reason, note, now(), comment.version
    stored.decision = answer
    db.session.add(stored)
    db.session.flush()
    if stored.decision is None:
        learning.unsettle(comment)
        events.reported(comment, reason)
        _add_to_queue(comment)
        brake.after_report(comment)


def _reports_too_much(reader: Reporter, since: datetime) -> bool:
    wide = reader.wide and Report.count_around(reader.wide, since) >= PER_READER * WIDE_TIMES
    return bool(wide) or Report.count_by(reader.network, since) >= PER_READER


def _is_about_an_earlier_text(report: Report, comment: Comment) -> bool:
    return comment.edited_at is not None and report.made_at < comment.edited_at


def _add_to_queue(comment: Comment) -> None:
    site, count = comment.site, Report.count_open(comment)
    if site.reports_to_hide and count >= site.reports_to_hide:
        _decide(comment, Status.PENDING)
    elif site.reports_needed and count >= site.reports_needed and not comment.lane:
        _decide(comment, Status.APPROVED)


def _decide(comment: Comment, status: Status) -> None:
    """Also if it stays public, so that the log shows how it came into the queue."""
    decide(comment, status, seen=comment.version, actor=Actor.SYSTEM, reason=REPORTS)
