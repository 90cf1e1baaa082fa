"""Stored counts: comments by status, decisions by actor.

A counter that each post increments would serialise all posts. Instead the worker adds up new decisions once a minute,
and a reader adds those since.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Select, String, and_, case, delete, func, null, select, update
from sqlalchemy.orm import Mapped, mapped_column

from app.database import autocommit_reads, one_of, rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.models.comment import Comment
from app.models.decision import Actor, Decision

# No transaction is open for longer, so no lower id can appear after this time.
SETTLED = timedelta(minutes=1)
# Decisions added up at once.
MOST = 20_000
STATUS, ACTOR = "status", "actor"
# Version of a comment after screening.
FIRST_VERSION = 2

Key = tuple[int, str, str]  # site, kind, name


class SiteCounter(Model):
    """Comments of a site by status, or decisions by actor, up to the decision `CounterMark.upto`."""

    __tablename__ = "site_counter"

    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    number: Mapped[int] = mapped_column(Id, default=0)

    @classmethod
    def counts(cls, kind: str, site_ids: Collection[int] | None = None) -> dict[tuple[int, str], int]:
        """Counts of these or all sites by site and name; at most `MOST` decisions behind if no worker runs."""
        rows = _of_kind(kind) if site_ids is None else _of_kind(kind).where(one_of(cls.site_id, site_ids))
        found = Counter({(row.site_id, row.name): row.number for row in db.session.execute(rows)})
        upto = CounterMark.now().upto
        for (site_id, each, name), number in _deltas(upto, upto + MOST).items():
            if each == kind and (site_ids is None or site_id in site_ids):
                found[site_id, name] += number
        return found

    @classmethod
    def totals(cls) -> dict[tuple[str, str], int]:
        """Counts of all sites by kind and name; at most `MOST` decisions behind if no worker runs."""
        query = select(cls.kind, cls.name, func.sum(cls.number)).group_by(cls.kind, cls.name)
        found = Counter({(kind, name): int(number) for kind, name, number in db.session.execute(query)})
        upto = CounterMark.now().upto
        for (_site, kind, name), number in _deltas(upto, upto + MOST).items():
            found[kind, name] += number
        return found

    @classmethod
    def is_due(cls) -> bool:
        """True if `add_up` has something to do; without taking SQLite's write lock."""
        with autocommit_reads():
            seen_at = CounterMark.now().seen_at
        return not now() - SETTLED < seen_at <= now()

    @classmethod
    def add_up(cls) -> bool:
        """Add up settled decisions, for the caller to commit; True if more are left."""
        mark = CounterMark.now(lock=True)
        # A mark in the future was written by a wrong clock.
        if now() - SETTLED < mark.seen_at <= now():
            return False
        if mark.upto < mark.seen and mark.seen_at <= now():
            end = min(mark.seen, mark.upto + MOST)
            for key, number in _deltas(mark.upto, end).items():
                cls._add(key, number)
            mark.upto = end
        if mark.upto == mark.seen or mark.seen_at > now():
            mark.look()
        return mark.upto < mark.seen and mark.seen_at <= now() - SETTLED

    @classmethod
    def _add(cls, key: Key, number: int) -> None:
        site_id, kind, name = key
        here = update(cls).where(cls.site_id == site_id, cls.kind == kind, cls.name == name)
        if number and not rows_changed(here.values(number=cls.number + number)):
            db.session.add(cls(site_id=site_id, kind=kind, name=name, number=number))

    @classmethod
    def recount(cls) -> None:
        """Recount all rows, for the caller to commit, while writers wait."""
        mark = CounterMark.now(lock=True)
        db.session.execute(delete(cls))
        for (site_id, kind, name), number in counted().items():
            db.session.add(cls(site_id=site_id, kind=kind, name=name, number=number))
        mark.look()
        mark.upto = mark.seen


class CounterMark(Model):
    """One row: the last counted decision, and the newest one at the worker's last look."""

    __tablename__ = "counter_mark"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=1)
    upto: Mapped[int] = mapped_column(Id, default=0)
    seen: Mapped[int] = mapped_column(Id, default=0)
    seen_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def now(cls, *, lock: bool = False) -> "CounterMark":
        return db.session.get_one(cls, 1, with_for_update=lock or None, populate_existing=True)

    def look(self) -> None:
        self.seen, self.seen_at = db.session.scalar(select(func.max(Decision.id))) or 0, now()


def counted() -> dict[Key, int]:
    """The same counts from the rows themselves: about a second for a million."""
    by_status = select(Comment.site_id, Comment.status, func.count()).group_by(Comment.site_id, Comment.status)
    by_actor = select(Decision.site_id, Decision.actor, func.count()).group_by(Decision.site_id, Decision.actor)
    found = {(site, STATUS, name): number for site, name, number in db.session.execute(by_status)}
    return found | {(site, ACTOR, name): number for site, name, number in db.session.execute(by_actor)}


def drifted() -> list[Key]:
    """Keys of stored counts that differ from the rows; call it in a snapshot."""
    kept = {
        (site, kind, name): n for kind in (STATUS, ACTOR) for (site, name), n in SiteCounter.counts(kind).items() if n
    }
    right = counted()
    return sorted(key for key in kept.keys() | right.keys() if kept.get(key, 0) != right.get(key, 0))


def _of_kind(kind: str) -> Select[int, str, int]:
    return select(SiteCounter.site_id, SiteCounter.name, SiteCounter.number).where(SiteCounter.kind == kind)


def _deltas(after: int, upto: int) -> Counter[Key]:
    # A comment's first decision says "pending" too, although it had no status before.
    begins = and_(Decision.version == FIRST_VERSION, Decision.actor == Actor.SCREENING)
    before_it = case((begins, null()), else_=Decision.from_status)
    moved = (Decision.site_id, before_it, Decision.to_status, Decision.actor)
    query = select(*moved, func.count()).where(Decision.id > after, Decision.id <= upto).group_by(*moved)
    found = Counter[Key]()
    for site_id, before, status, actor, number in db.session.execute(query):
        found[site_id, STATUS, status] += number
        found[site_id, ACTOR, actor] += number
        if before is not None:
            found[site_id, STATUS, before] -= number
    return found
