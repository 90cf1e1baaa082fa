"""The brake of an article: hold everything for a while if most of it is rejected, or if reports come fast."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.database import one_of
from app.extensions import db
from app.lib.clock import happened_since, now
from app.models import Actor, Comment, Decision, Moderator, Report, State, Status, Thread, ThreadChange, section_scope
from app.moderation import articles
from app.notify import events

# Newest decisions of the site among which those on the article are looked for: reading costs the same on each site.
AMONG = 200
# Older decisions say nothing about the conversation now.
RECENT = timedelta(days=1)
REPORTS_WITHIN = timedelta(minutes=10)
SHOWN = 20  # articles at the desk
AGAINST = (Status.REJECTED, Status.SPAM)


def after_decision(decision: Decision) -> None:
    """Hold the article if moderators rejected too much of it. Automatic decisions do not count: spam is no quarrel."""
    site = decision.comment.site
    if site.brake_decisions and decision.actor == Actor.MODERATOR and decision.to_status in AGAINST:
        _hold_if(decision.comment.thread, "rejections", _is_mostly_rejected)


def after_report(comment: Comment) -> None:
    """Hold the article if many readers reported its comments within minutes."""
    if comment.site.brake_reports:
        _hold_if(comment.thread, "reports", _is_much_reported)


def running_on(moderator: Moderator) -> list[Thread]:
    """Articles of this moderator that are held for a while."""
    query = select(Thread).where(one_of(Thread.site_id, moderator.site_ids), Thread.held_until > now())
    query = query.where(*section_scope.about_threads(moderator, Thread.site_id, Thread.id))
    found = db.session.scalars(query.order_by(Thread.held_until).limit(SHOWN))
    return [thread for thread in found if thread.holds_everything()]


def _hold_if(thread: Thread, cause: str, has_reason: Callable[[Thread, datetime], bool]) -> None:
    if thread.state_now != State.OPEN or not has_reason(thread, _since(thread)):
        return
    until = now() + timedelta(minutes=thread.site.brake_minutes)
    if articles.set_state(thread, State.HELD, actor=Actor.SYSTEM, reason=cause, until=until):
        events.braked(thread, cause)


def _since(thread: Thread) -> datetime:
    """After the newest change of the state: a hold that is over does not begin again for the same reason."""
    newest = ThreadChange.newest_of(thread)
    times = [newest.made_at, *([newest.until] if newest.until else [])] if newest else []
    return max([now() - RECENT, *(each for each in times if each <= now())])


def _is_mostly_rejected(thread: Thread, since: datetime) -> bool:
    most = thread.site.brake_decisions
    found = _decided(thread, since, most)
    against = sum(status in AGAINST for status in found)
    return len(found) >= most and against * 100 > thread.site.brake_percent * len(found)


def _decided(thread: Thread, since: datetime, most: int) -> list[str]:
    """Moderators' newest standing decisions on the thread."""
    made = Decision.__table__.c
    newest = select(made.id, made.comment_id, made.to_status, made.version, made.actor, made.reason, made.made_at)
    newest = newest.where(made.site_id == thread.site_id).order_by(made.id.desc()).limit(AMONG)
    each = newest.subquery().c
    query = (
        select(each.to_status)
        .join(Comment, Comment.id == each.comment_id)
        .where(Comment.thread_id == thread.id, Comment.version == each.version, Comment.badge.is_(None))
        .where(each.actor == Actor.MODERATOR, each.made_at > since, each.to_status.in_((Status.APPROVED, *AGAINST)))
    )
    return list(db.session.scalars(query.order_by(each.id.desc()).limit(most)))


def _is_much_reported(thread: Thread, since: datetime) -> bool:
    """Readers are counted as networks, an IPv6 /48 once."""
    most, begin = thread.site.brake_reports, max(since, now() - REPORTS_WITHIN)
    network = func.coalesce(Report.wide_index, Report.reporter_index)
    query = select(func.count(network.distinct())).join(Comment, Comment.id == Report.comment_id)
    query = query.where(Report.site_id == thread.site_id, happened_since(Report.made_at, begin))
    return (db.session.scalar(query.where(Comment.thread_id == thread.id)) or 0) >= most
