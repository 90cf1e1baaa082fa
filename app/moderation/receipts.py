"""Receipts: the head of each day's decisions, and the proof for an author that a decision is in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, and_, func, select

from app.database import snapshot
from app.extensions import db
from app.lib import commitment, merkle
from app.lib.clock import now
from app.models import ChainDay, ChainEntry, ChainHead, Comment, Decision, Site, Status
from app.models.chain_entry import content_of, name_of
from app.models.decision import Actor
from app.models.site_counter import SETTLED
from app.moderation.appeals import standing_rejection

VERSION = 1
# What an author may know of a decision they were told, and of one they were not: a spam verdict looks like waiting.
TOLD = frozenset({"comment", "status", "rules", "made_at"})
NOT_TOLD = frozenset({"comment", "made_at"})
# Of decisions that leave the status, those that follow the author's edit.
BY_THE_AUTHOR = (Actor.SCREENING, Actor.AUTHOR)


@dataclass(frozen=True)
class Receipt:
    entry: ChainEntry
    # None until the day is over.
    day: ChainDay | None
    told: bool
    file: dict[str, Any]


def receipt_of(comment: Comment) -> Receipt | None:
    """For the comment's author: the decision that they were told, else the first one. None without an entry."""
    decision = _told(comment)
    shown = TOLD if decision else NOT_TOLD
    if decision and decision.to_status == Status.REJECTED and decision.actor == Actor.MODERATOR:
        shown |= {"reason"}
    decision = decision or _first(comment)
    entry = ChainEntry.of(decision) if decision else None
    if decision is None or entry is None or not entry.salt:
        return None
    day = ChainDay.with_entry(comment.site_id, entry.number)
    content = content_of(decision, entry.rules, comment.site.archive_shift)
    fields = commitment.shown(entry.salt, content, shown)
    file = {"kaiwa": "receipt", "version": VERSION, "site": comment.site.key, "entry": entry.number, "fields": fields}
    return Receipt(entry, day, shown is not NOT_TOLD, file | _proof(entry, day))


def _told(comment: Comment) -> Decision | None:
    if comment.status == Status.REJECTED:
        return standing_rejection(comment)
    if comment.status not in (Status.APPROVED, Status.DELETED):
        return None
    # Without readers' reports and moderators' answers to them, whose times would tell that there were some.
    silent = Decision.from_status == Decision.to_status, Decision.actor.not_in(BY_THE_AUTHOR)
    told = select(Decision).where(Decision.comment_id == comment.id, ~and_(*silent)).order_by(Decision.id.desc())
    newest = db.session.scalar(told.limit(1))
    return newest if newest and newest.to_status == comment.status else None


def _first(comment: Comment) -> Decision | None:
    query = select(Decision).where(Decision.comment_id == comment.id).order_by(Decision.id).limit(1)
    return db.session.scalar(query)


def _proof(entry: ChainEntry, day: ChainDay | None) -> dict[str, Any]:
    if day is None:
        return {"day": None}
    at, blocks = entry.number - day.first, day.block_roots
    start = day.first + at // merkle.BLOCK * merkle.BLOCK
    leaves = list(ChainEntry.leaves(day.site_id, start, min(start + merkle.BLOCK - 1, day.last)))
    path = merkle.path(leaves, at % merkle.BLOCK) + merkle.path(blocks, at // merkle.BLOCK)
    return as_json(day) | {"path": path}


def as_json(day: ChainDay) -> dict[str, Any]:
    """A day as it is published."""
    names = ("day", "first", "last", "chain_digest", "before", "head")
    return {name: getattr(day, name) for name in names} | {"root": merkle.root(day.block_roots)}


def close_days() -> Iterator[str]:
    """Close the days that are over; yields each after it was written, and the caller commits."""
    with snapshot():
        closed, heads = ChainDay.last_numbers(), ChainHead.numbers()
        zones = db.session.execute(select(Site.id, Site.timezone).order_by(Site.id))
        todo = [(id, ZoneInfo(zone)) for id, zone in zones if heads.get(name_of(id), 0) > closed.get(id, 0)]
    for site_id, zone in todo:
        while day := _close_next(site_id, zone):
            yield day


def _close_next(site_id: int, zone: ZoneInfo) -> str | None:
    with snapshot():
        newest = ChainDay.newest(site_id)
        done = newest.last if newest else 0
        day = _next_day(site_id, done, newest, zone)
        if day is None or day >= (now() - SETTLED).astimezone(zone).date():
            return None
        last = _last_before(site_id, done, datetime.combine(day + timedelta(days=1), time.min, zone))
        if last is None:
            return None
        digest = db.session.scalar(select(ChainEntry.chain_digest).where(*_numbered(site_id, last)))
        blocks = merkle.roots_of_blocks(ChainEntry.leaves(site_id, done + 1, last))
    ChainDay.close(site_id, day.isoformat(), done + 1, last, str(digest), blocks)
    return day.isoformat()


def _numbered(site_id: int, number: int) -> tuple[Any, ...]:
    return ChainEntry.site_id == site_id, ChainEntry.number == number


def _open(site_id: int, done: int) -> Select[datetime]:
    made = select(Decision.made_at).join(ChainEntry, ChainEntry.decision_id == Decision.id)
    return made.where(ChainEntry.site_id == site_id, ChainEntry.number > done)


def _next_day(site_id: int, done: int, newest: ChainDay | None, zone: ZoneInfo) -> date | None:
    """The first day with an entry that is in no closed day; never a day that has a row."""
    # The first by its time: one that a wrong clock dated years ahead does not delay the others.
    made_at: datetime | None = db.session.scalar(_open(site_id, done).with_only_columns(func.min(Decision.made_at)))
    if made_at is None:
        return None
    day = made_at.astimezone(zone).date()
    return max(day, date.fromisoformat(newest.day) + timedelta(days=1)) if newest else day


def _last_before(site_id: int, done: int, end: datetime) -> int | None:
    within = _open(site_id, done).where(Decision.made_at < end)
    last: int | None = db.session.scalar(within.with_only_columns(func.max(ChainEntry.number)))
    return last
