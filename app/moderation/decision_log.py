"""Verify the hash chain of a site's decisions against the decisions themselves, and the heads of its days."""

from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from app.extensions import db
from app.lib import chain, commitment, merkle
from app.models import Author, ChainDay, ChainEntry, ChainHead, Comment, Decision, Site
from app.models.chain_entry import BATCH, content_of, name_of


@dataclass
class Verified:
    chain: chain.Verified
    # The first day whose head does not fit its entries.
    wrong_day: str | None
    # Decisions without an entry: inserted past Kaiwa. The first one's id.
    unlinked: int
    first_unlinked: int | None

    @property
    def ok(self) -> bool:
        return self.chain.problem is None and self.wrong_day is None and not self.unlinked


def verify(site: Site) -> Verified:
    """Verify all entries of a site; call it within `database.snapshot`."""
    last, head = ChainHead.of(name_of(site.id))
    days = _Days(site.id)
    with closing(_rows(site, days)) as rows:
        found = chain.verify(rows, last, head, digest_of=commitment.digest)
    entry = select(ChainEntry.id).where(ChainEntry.decision_id == Decision.id)
    without = select(func.count(), func.min(Decision.id)).where(Decision.site_id == site.id, ~entry.exists())
    unlinked, first = db.session.execute(without).one()
    return Verified(found, days.wrong, unlinked, first)


def _rows(site: Site, days: "_Days") -> Generator[chain.Row, None, None]:
    decision, shift = Decision.__table__, site.archive_shift
    columns = (ChainEntry.number, ChainEntry.rules, ChainEntry.salt, ChainEntry.content_digest, ChainEntry.chain_digest)
    query = (
        select(*columns, Author.erased_at, *(each.label(f"decision_{each.name}") for each in decision.c))
        .outerjoin(decision, decision.c.id == ChainEntry.decision_id)
        .outerjoin(Comment, Comment.id == decision.c.comment_id)
        .outerjoin(Author, Author.id == Comment.author_id)
        .where(ChainEntry.site_id == site.id)
        .order_by(ChainEntry.number)
    )
    with db.session.execute(query, execution_options={"yield_per": BATCH}) as rows:
        for row in rows:
            content = _content(row, shift) if row.decision_site_id in (site.id, None) else {}
            yield chain.Row(row.number, content, row.salt, row.content_digest, row.chain_digest)
            days.add(row)


def _content(row: Any, shift: dict[str, int]) -> dict[str, Any] | None:
    """None after an erasure. A decision that is gone has no content, which has another digest."""
    if row.decision_id is None:
        return {}
    if not row.salt and row.erased_at:
        return None
    return content_of(_Columns(row), row.rules, shift)


class _Columns:
    """The decision's columns of a joined row."""

    def __init__(self, row: Any) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, f"decision_{name}")


class _Days:
    """The site's days, each compared with its entries when the last of them has been read."""

    def __init__(self, site_id: int) -> None:
        self._left = deque(ChainDay.all_of(site_id))
        self._tree, self._number, self._before = merkle.Tree(), 0, chain.START
        self._first_wrong: str | None = None

    def add(self, entry: Any) -> None:
        """An entry whose own digests are right."""
        self._number += 1
        if not self._left or self._first_wrong:
            return
        day = self._left[0]
        self._tree.add(entry.content_digest)
        if self._number < day.last:
            return
        starts = self._number - day.size + 1 == day.first
        if not (starts and day.made_of(self._tree.blocks(), entry.chain_digest, self._before)):
            self._first_wrong = day.day
        self._left.popleft()
        self._tree, self._before = merkle.Tree(), day.head

    @property
    def wrong(self) -> str | None:
        """Also a day whose entries are gone."""
        return self._first_wrong or (self._left[0].day if self._left else None)
