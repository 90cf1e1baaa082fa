"""Statistics of a site's moderation: waiting times, deciders, reversals."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from math import ceil
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, and_, func, or_, select

from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Decision, Moderator, Site, SiteCounter, Status, Thread, section_scope
from app.models.decision import COVERS
from app.models.site_counter import STATUS

# Newest decisions that are counted, also for the transparency report: the same days have the same figures.
MOST = 100_000
CHUNK = 500  # comments of one query
HOT = 10  # articles
HOT_AMONG = 3_000  # decisions
# A moderator's own reversal within this time corrects a slip.
SLIP = timedelta(minutes=1)
Conditions = Sequence[ColumnElement[bool]]


@dataclass
class Share:
    """Decisions of one moderator or day, or rejections for one reason: count, reversals, waiting times."""

    decided: int = 0
    reversed: int = 0
    waits: list[float] = field(default_factory=list)

    @property
    def median(self) -> float | None:
        """In seconds."""
        return percentile(self.waits, 50)

    @property
    def p90(self) -> float | None:
        return percentile(self.waits, 90)

    def add(self, other: "Share") -> None:
        self.decided, self.reversed = self.decided + other.decided, self.reversed + other.reversed
        self.waits += other.waits

    @property
    def share_reversed(self) -> float | None:
        return self.reversed / self.decided if self.decided else None


@dataclass
class Statistics:
    days: int
    complete: bool
    waiting: int = 0
    oldest: datetime | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    all: Share = field(default_factory=Share)
    by_day: dict[date, Share] = field(default_factory=dict)
    by_moderator: dict[str, Share] = field(default_factory=dict)
    moderator_ids: dict[str, int] = field(default_factory=dict)
    by_reason: dict[str, Share] = field(default_factory=dict)
    by_source: dict[str, Share] = field(default_factory=dict)
    hot: list[tuple[Thread, int]] = field(default_factory=list)

    def merge_reasons(self, codes: Collection[str], into: str) -> None:
        """Count these reasons as another one: readers do not know a site's own reasons by name."""
        for code in self.by_reason.keys() & set(codes):
            own = self.by_reason.pop(code)
            self.by_reason.setdefault(into, Share()).add(own)


def statistics_of(site: Site, days: int, viewer: Moderator | None = None) -> Statistics:
    """Statistics of the last `days` including today, in the site's time zone; for `viewer`, of their sections."""
    mine = section_scope.in_sections_of(viewer) if viewer else []
    zone = ZoneInfo(site.timezone)
    listed = _last(days, zone)
    rows, complete = decisions(site, listed, MOST, mine)
    statistics = count(rows, zone, listed)
    statistics.complete = complete
    statistics.waiting, statistics.oldest = _waiting(site, mine)
    statistics.hot = _hot(site, datetime.combine(listed[0], time.min, zone), mine)
    return statistics


def decisions(site: Site, days: list[date], most: int, mine: Conditions = ()) -> tuple[list[Row[Any]], bool]:
    """Rows of these days in the site's time zone, oldest first, and True if these are all.

    They are the decisions of moderators and those that asked for one, among the site's newest `most`; before them those
    of earlier days that asked for a decision of these days.
    """
    first, (since, until) = Decision.id_back(site.id, most), bounds(days[0], days[-1], ZoneInfo(site.timezone))
    made = Decision.site_id == site.id, Decision.id >= first, *within(Decision.made_at, since, until)
    rows = _read(_decisions(*made, *mine))
    return [*_asked_before(rows), *rows], not first or Decision.made_before(first, since)


def count(
    rows: list[Row[Any]], zone: ZoneInfo, days: list[date], sources: Mapping[int, str] | None = None
) -> Statistics:
    """Statistics of these rows; by source, if the source of each decision is given."""
    statistics = Statistics(len(days), complete=True)
    statistics.by_day = {day: Share() for day in days}
    _count(statistics, rows, zone, sources or {})
    return statistics


def bounds(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The midnights before and after these days."""
    return datetime.combine(first, time.min, zone), datetime.combine(last + timedelta(days=1), time.min, zone)


def within(moment: Any, since: datetime, until: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return moment >= since, moment < until


def percentile(values: list[float], percent: int) -> float | None:
    """Nearest rank, without interpolation."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1] if values else None


def _asked_before(rows: list[Row[Any]]) -> list[Row[Any]]:
    """The last hold or appeal before these rows of each comment that waits at their beginning."""
    firsts = {row.comment_id: row for row in reversed(rows)}
    waiting = [id for id, row in firsts.items() if row.actor == Actor.MODERATOR and row.from_status == Status.PENDING]
    found: dict[int, Row[Any]] = {}
    for at in range(0, len(waiting), CHUNK):
        earlier = Decision.comment_id.in_(waiting[at : at + CHUNK]), Decision.id < rows[0].id, _ASKED
        found |= {row.comment_id: row for row in _read(_decisions(*earlier))}
    return list(found.values())


_ASKED = and_(Decision.to_status == Status.PENDING, Decision.moderator_id.is_(None))


def _decisions(*wanted: ColumnElement[bool]) -> Any:
    return (
        select(
            Decision.id, Decision.comment_id, Decision.from_status, Decision.to_status, Decision.actor,
            Decision.moderator_id, Decision.reason, Decision.made_at, Comment.created_at, Comment.source,
            Moderator.name,
        )
        .join(Comment, Comment.id == Decision.comment_id)
        .outerjoin(Moderator, Moderator.id == Decision.moderator_id)
        .where(Decision.actor != Actor.IMPORT, or_(Decision.actor == Actor.MODERATOR, _ASKED), *wanted)
        # Replies by staff are no reviews.
        .where(Comment.badge.is_(None))
        .order_by(Decision.id)
    )  # fmt: skip


def _read(query: Any) -> list[Row[Any]]:
    """Without the session's own handling of rows, which takes as long as the database."""
    return list(db.session.connection().execute(query))


def _waiting(site: Site, mine: Conditions) -> tuple[int, datetime | None]:
    waits = Comment.site_id == site.id, Comment.status == Status.PENDING, *mine
    oldest = db.session.scalar(select(Comment.created_at).where(*waits).order_by(Comment.id).limit(1))
    if mine:
        return db.session.scalar(select(func.count()).select_from(Comment).where(*waits)) or 0, oldest
    return SiteCounter.counts(STATUS, [site.id]).get((site.id, Status.PENDING), 0), oldest


def _last(days: int, zone: ZoneInfo) -> list[date]:
    today = now().astimezone(zone).date()
    return [today - timedelta(days=back) for back in reversed(range(days))]


class _Group(NamedTuple):
    """What the decisions of one share have in common; added up afterwards, because there are far fewer groups."""

    day: date
    name: str
    moderator_id: int | None
    status: str
    reason: str
    source: str | None


def _count(statistics: Statistics, rows: Iterable[Row[Any]], zone: ZoneInfo, sources: Mapping[int, str]) -> None:
    """A comment waits from the decision that held it to a moderator's decision."""
    held: dict[int, datetime] = {}
    standing: dict[int, tuple[Row[Any], Share]] = {}
    groups: dict[_Group, Share] = {}
    for row in rows:
        if row.to_status == Status.PENDING and row.moderator_id is None:
            held[row.comment_id] = row.made_at
        if row.actor != Actor.MODERATOR or row.reason in COVERS:
            continue
        _count_reversal(standing.pop(row.comment_id, None), row)
        if row.to_status == Status.PENDING:
            continue
        day, source = row.made_at.astimezone(zone).date(), sources.get(row.id)
        group = _Group(day, row.name or "", row.moderator_id, row.to_status, row.reason, source)
        share = groups.get(group) or groups.setdefault(group, Share())
        standing[row.comment_id] = (row, share)
        share.decided += 1
        if row.from_status == Status.PENDING:
            share.waits += _wait(row, held)
    for group, share in groups.items():
        _add(statistics, group, share)


def _add(statistics: Statistics, group: _Group, counted: Share) -> None:
    statistics.outcomes[group.status] += counted.decided
    if group.moderator_id:
        statistics.moderator_ids[group.name] = group.moderator_id
    for share in _shares(statistics, group):
        share.add(counted)


def _wait(row: Row[Any], held: dict[int, datetime]) -> list[float]:
    """Seconds since it was held or written; none for imported comments."""
    begun = held.get(row.comment_id) or (None if row.source else row.created_at)
    return [(row.made_at - begun).total_seconds()] if begun else []


def _shares(statistics: Statistics, group: _Group) -> list[Share]:
    shares = [
        statistics.all,
        statistics.by_day.setdefault(group.day, Share()),
        statistics.by_moderator.setdefault(group.name, Share()),
    ]
    # An approval needs no reason.
    if group.status != Status.APPROVED:
        shares.append(statistics.by_reason.setdefault(group.reason, Share()))
    if group.source is not None:
        shares.append(statistics.by_source.setdefault(group.source, Share()))
    return shares


def _count_reversal(before: tuple[Row[Any], Share] | None, row: Row[Any]) -> None:
    if before is None or before[0].to_status == row.to_status:
        return
    earlier, share = before
    if earlier.moderator_id != row.moderator_id or row.made_at - earlier.made_at >= SLIP:
        share.reversed += 1


def _hot(site: Site, since: datetime, mine: Conditions) -> list[tuple[Thread, int]]:
    newest = Decision.site_id == site.id, Decision.id >= Decision.id_back(site.id, HOT_AMONG)
    decided = select(Decision.comment_id).where(*newest, Decision.made_at > since, Decision.actor != Actor.IMPORT)
    among = select(Comment.thread_id).where(Comment.id.in_(decided), *mine)
    counts = Counter(db.session.scalars(among)).most_common(HOT)
    threads = {thread.id: thread for thread in Thread.with_ids([id for id, _count in counts])}
    return [(threads[id], count) for id, count in counts]
