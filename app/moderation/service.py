"""How well a site's moderators serve its readers: how long comments wait, who decides what, and what does not stand."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, select

from app.extensions import db
from app.lib.clock import now
from app.models import Actor, Comment, Decision, Moderator, Site, Status, Thread

# The newest so many are looked at, so that the price does not grow with the archive.
MOST = 20_000
HOT = 10  # articles
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
    rows = _decisions(site, now() - timedelta(days=days))
    figures = Figures(days, complete=len(rows) < MOST)
    figures.waiting, figures.oldest = _waiting(site)
    figures.by_day = {day: Share() for day in _last(days, ZoneInfo(site.timezone))}
    _count(figures, rows, ZoneInfo(site.timezone))
    figures.hot = _hot(rows)
    return figures


def percentile(values: list[float], percent: int) -> float | None:
    """The nearest rank: a value that occurs, never one between two."""
    return sorted(values)[ceil(len(values) * percent / 100) - 1] if values else None


def _decisions(site: Site, since: datetime) -> list[Any]:
    """The newest decisions of the site, oldest first."""
    query = (
        select(
            Decision.comment_id, Decision.from_status, Decision.to_status, Decision.actor, Decision.moderator_id,
            Decision.reason, Decision.made_at, Comment.created_at, Comment.source, Comment.thread_id, Moderator.name,
        )
        .join(Comment, Comment.id == Decision.comment_id)
        .outerjoin(Moderator, Moderator.id == Decision.moderator_id)
        .where(Decision.site_id == site.id, Decision.made_at > since, Decision.actor != Actor.IMPORT)
        .order_by(Decision.id.desc()).limit(MOST)
    )  # fmt: skip
    return list(db.session.execute(query))[::-1]


def _waiting(site: Site) -> tuple[int, datetime | None]:
    pending = select(func.count(), func.min(Comment.created_at))
    count, oldest = db.session.execute(
        pending.where(Comment.site_id == site.id, Comment.status == Status.PENDING)
    ).one()  # fmt: skip
    return count, oldest


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


def _hot(rows: Iterable[Row[Any]]) -> list[tuple[Thread, int]]:
    """The articles whose comments were decided most, by whomever."""
    seen: dict[int, set[int]] = defaultdict(set)
    for row in rows:
        seen[row.thread_id].add(row.comment_id)
    counts = Counter({id: len(comments) for id, comments in seen.items()}).most_common(HOT)
    threads = {thread.id: thread for thread in Thread.with_ids([id for id, _count in counts])}
    return [(threads[id], count) for id, count in counts]
