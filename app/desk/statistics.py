"""How well a site's moderators serve its readers: how long comments wait, who decides what, and what does not stand."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, and_, or_, select

from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Decision, Moderator, Site, Status, Tally, Thread
from app.models.tally import STATUS

# The newest so many decisions are looked at, so that the price does not grow with the archive.
MOST = 10_000
HOT = 10  # articles
HOT_AMONG = 3_000  # decisions
# Who takes back her own decision so soon has slipped, and changed her mind about nothing.
SLIP = timedelta(minutes=1)


@dataclass
class Share:
    """What one moderator, one day or one reason had: decisions, how long their comments had waited, what fell."""

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

    @property
    def share_reversed(self) -> float | None:
        return self.reversed / self.decided if self.decided else None


@dataclass
class Figures:
    days: int
    complete: bool
    waiting: int = 0
    oldest: datetime | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    all: Share = field(default_factory=Share)
    by_day: dict[date, Share] = field(default_factory=dict)
    by_moderator: dict[str, Share] = field(default_factory=dict)
    by_reason: dict[str, Share] = field(default_factory=dict)
    hot: list[tuple[Thread, int]] = field(default_factory=list)


def figures_of(site: Site, days: int) -> Figures:
    """The figures of the last `days`, today included, on the site's clock."""
    since, first = now() - timedelta(days=days), Decision.id_back(site.id, MOST)
    rows = _decisions(site, since, first)
    figures = Figures(days, complete=not first or Decision.made_before(first, since))
    figures.waiting, figures.oldest = _waiting(site)
    figures.by_day = {day: Share() for day in _last(days, ZoneInfo(site.timezone))}
    _count(figures, rows, ZoneInfo(site.timezone))
    figures.hot = _hot(site, since)
    return figures


def percentile(values: list[float], percent: int) -> float | None:
    """The nearest rank: a value that occurs, never one between two."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1] if values else None


def _decisions(site: Site, since: datetime, first: int) -> list[Any]:
    """By moderators, and what let comments wait for them, oldest first, from the decision `first` on."""
    held = and_(Decision.to_status == Status.PENDING, Decision.moderator_id.is_(None))
    query = (
        select(
            Decision.comment_id, Decision.from_status, Decision.to_status, Decision.actor, Decision.moderator_id,
            Decision.reason, Decision.made_at, Comment.created_at, Comment.source, Comment.thread_id, Moderator.name,
        )
        .join(Comment, Comment.id == Decision.comment_id)
        .outerjoin(Moderator, Moderator.id == Decision.moderator_id)
        .where(Decision.site_id == site.id, Decision.id >= first, Decision.made_at > since)
        .where(Decision.actor != Actor.IMPORT, or_(Decision.actor == Actor.MODERATOR, held))
        .order_by(Decision.id)
    )  # fmt: skip
    return list(db.session.execute(query))


def _waiting(site: Site) -> tuple[int, datetime | None]:
    """How many comments wait, and since when the first of them: the one with the lowest id."""
    first = select(Comment.created_at).where(Comment.site_id == site.id, Comment.status == Status.PENDING)
    count = Tally.counts(STATUS).get((site.id, Status.PENDING), 0)
    return count, db.session.scalar(first.order_by(Comment.id).limit(1))


def _last(days: int, zone: ZoneInfo) -> list[date]:
    today = now().astimezone(zone).date()
    return [today - timedelta(days=back) for back in reversed(range(days))]


def _count(figures: Figures, rows: Iterable[Row[Any]], zone: ZoneInfo) -> None:
    """Walk through history: a comment waits from what held it to the moderator who decides."""
    held: dict[int, datetime] = {}
    standing: dict[int, tuple[Row[Any], list[Share]]] = {}
    for row in rows:
        if row.to_status == Status.PENDING and row.moderator_id is None:
            held[row.comment_id] = row.made_at
        if row.actor != Actor.MODERATOR:
            continue
        _note_reversal(standing.pop(row.comment_id, None), row)
        if row.to_status == Status.PENDING:
            continue
        shares = _shares(figures, row, zone)
        standing[row.comment_id] = (row, shares)
        figures.outcomes[row.to_status] += 1
        for share in shares:
            share.decided += 1
            if row.from_status == Status.PENDING:
                share.waits += _wait(row, held)


def _wait(row: Row[Any], held: dict[int, datetime]) -> list[float]:
    """Seconds since it was held or written; nothing for what waited elsewhere, perhaps for years, and was imported."""
    begun = held.get(row.comment_id) or (None if row.source else row.created_at)
    return [(row.made_at - begun).total_seconds()] if begun else []


def _shares(figures: Figures, row: Row[Any], zone: ZoneInfo) -> list[Share]:
    return [
        figures.all,
        figures.by_day.setdefault(row.made_at.astimezone(zone).date(), Share()),
        figures.by_moderator.setdefault(row.name or "", Share()),
        figures.by_reason.setdefault(row.reason, Share()),
    ]


def _note_reversal(before: tuple[Row[Any], list[Share]] | None, row: Row[Any]) -> None:
    if before is None or before[0].to_status == row.to_status:
        return
    earlier, shares = before
    if earlier.moderator_id == row.moderator_id and row.made_at - earlier.made_at < SLIP:
        return
    for share in shares:
        share.reversed += 1


def _hot(site: Site, since: datetime) -> list[tuple[Thread, int]]:
    """The articles on which most comments were decided lately, by a person or by screening."""
    newest = Decision.site_id == site.id, Decision.id >= Decision.id_back(site.id, HOT_AMONG)
    decided = select(Decision.comment_id).where(*newest, Decision.made_at > since, Decision.actor != Actor.IMPORT)
    counts = Counter(db.session.scalars(select(Comment.thread_id).where(Comment.id.in_(decided)))).most_common(HOT)
    threads = {thread.id: thread for thread in Thread.with_ids([id for id, _count in counts])}
    return [(threads[id], count) for id, count in counts]
