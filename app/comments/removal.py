"""Remove a site with all its data in short transactions."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, func, select, update

from app.database import rows_changed
from app.extensions import db
from app.models import Author, ChainHead, Comment, Decision, LegalHold, Membership, Moderator, Site, Thread
from app.models.chain_entry import name_of
from app.models.search_segment import SIZE
from app.search import index

BATCH = 500  # rows in one transaction


@dataclass(frozen=True)
class Extent:
    """Rows that removing a site would delete."""

    threads: int
    comments: int
    authors: int
    decisions: int
    # Running legal holds, whose copies go as well.
    holds: int
    # Moderators without another site, whose accounts are deleted too.
    moderators: list[str]


def extent(site: Site) -> Extent:
    return Extent(
        threads=_count(Thread, site.id),
        comments=_count(Comment, site.id),
        authors=_count(Author, site.id),
        decisions=_count(Decision, site.id),
        holds=len(LegalHold.on_site(site.id)),
        moderators=sorted(each.email for each in _only_of(site.id) if not each.is_program),
    )


def _count(record: Any, site_id: int) -> int:
    return db.session.scalar(select(func.count()).select_from(record).where(record.site_id == site_id)) or 0


def remove(site_id: int) -> Iterator[int]:
    """Remove a site; yields rows after each step, and the caller commits.

    Can be interrupted and repeated. The site is closed first and deleted last.
    """
    rows_changed(update(Site).where(Site.id == site_id).values(open=False, version=Site.version + 1))
    yield 0
    accounts = [each.id for each in _only_of(site_id)]
    numbers = {id // SIZE for id in db.session.scalars(_edges(site_id)) if id is not None}
    for table in reversed(_tables()):
        yield from _rows_of(table, site_id)
    for id in accounts:
        yield _account(id)
    # The database cascades to rows written meantime. With the head of the chain, because SQLite gives the number to the
    # next site.
    yield rows_changed(delete(Site).where(Site.id == site_id)) + ChainHead.forget(name_of(site_id))
    if numbers:
        yield from _forget_in_search(range(min(numbers), max(numbers) + 1))


def _tables() -> list[Table]:
    return [table for table in db.metadata.sorted_tables if "site_id" in table.c]


def _rows_of(table: Table, site_id: int) -> Iterator[int]:
    """Rows that reference a comment go with it by cascade."""
    mine = table.c.site_id == site_id
    if "id" not in table.primary_key.columns:
        yield rows_changed(delete(table).where(mine))
        return
    while ids := db.session.scalars(select(table.c.id).where(mine).order_by(table.c.id).limit(BATCH)).all():
        yield rows_changed(delete(table).where(table.c.id.in_(ids)))


def _edges(site_id: int) -> Any:
    first = select(func.min(Comment.id)).where(Comment.site_id == site_id)
    return first.union_all(select(func.max(Comment.id)).where(Comment.site_id == site_id))


def _only_of(site_id: int) -> list[Moderator]:
    here = select(Membership.moderator_id).where(Membership.site_id == site_id)
    elsewhere = select(Membership.moderator_id).where(Membership.site_id != site_id)
    return list(db.session.scalars(select(Moderator).where(Moderator.id.in_(here), Moderator.id.not_in(elsewhere))))


def _account(id: int) -> int:
    """Delete the account unless other sites' decisions, notes or rules refer to it."""
    keys = [key for table in db.metadata.sorted_tables for key in table.foreign_keys]
    named = [key.parent for key in keys if key.column.table.name == "moderator" and key.ondelete == "SET NULL"]
    if any(db.session.scalar(select(column).where(column == id).limit(1)) for column in named):
        return 0
    return rows_changed(delete(Moderator).where(Moderator.id == id))


def _forget_in_search(numbers: Collection[int]) -> Iterator[int]:
    for number in sorted(set(index.stale_segments()) & set(numbers)):
        index.build(number)
        yield 0
