"""The head of a site's decisions after a day: it stands for all entries of the chain (chain_entry.py) up to then."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Id, Model, db
from app.lib import chain, merkle
from app.lib.clock import Moment, now
from app.models.site import Site


class ChainDay(Model):
    """Days without decisions have no row. A decision that was committed after the day was closed is in the next one."""

    __tablename__ = "chain_day"
    __table_args__ = (Index("uq_chain_day_day", "site_id", "day", unique=True),)

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    # YYYY-MM-DD in the site's time zone.
    day: Mapped[str] = mapped_column(String(10))
    # Numbers of its first and last entry.
    first: Mapped[int] = mapped_column(Id)
    last: Mapped[int] = mapped_column(Id)
    # Of the last entry.
    chain_digest: Mapped[str] = mapped_column(String(64))
    # JSON: the roots of blocks of entries (lib/merkle.py), from which a receipt is made.
    blocks: Mapped[str] = mapped_column(Text)
    # Of the day before that has one; chain.START for the first.
    before: Mapped[str] = mapped_column(String(64), default=chain.START)
    head: Mapped[str] = mapped_column(String(64))
    closed_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    @property
    def block_roots(self) -> list[str]:
        found: list[str] = json.loads(self.blocks)
        return found

    def made_of(self, blocks: Sequence[str], chain_digest: str, before: str) -> bool:
        """True if the day's digests are those of these entries."""
        right = self._head(self.day, self.first, self.last, chain_digest, merkle.root(blocks), before)
        kept = self.before, self.chain_digest, self.blocks, self.head
        return kept == (before, chain_digest, json.dumps(list(blocks)), right)

    @classmethod
    def close(cls, site_id: int, day: str, first: int, last: int, chain_digest: str, blocks: Sequence[str]) -> None:
        """Insert the next day, unless another worker just did, perhaps under the name of another day."""
        before = cls.newest(site_id)
        if first != (before.last if before else 0) + 1:
            return
        start = before.head if before else chain.START
        head = cls._head(day, first, last, chain_digest, merkle.root(blocks), start)
        row = {
            "site_id": site_id, "day": day, "first": first, "last": last, "chain_digest": chain_digest,
            "blocks": json.dumps(list(blocks)), "before": start, "head": head, "closed_at": now(),
        }  # fmt: skip
        dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
        db.session.execute(dialect.insert(cls).values(row).on_conflict_do_nothing())

    @staticmethod
    def _head(day: str, first: int, last: int, chain_digest: str, root: str, before: str) -> str:
        return hashlib.sha256(f"day:{before}:{day}:{first}:{last}:{chain_digest}:{root}".encode()).hexdigest()

    @classmethod
    def newest(cls, site_id: int) -> "ChainDay | None":
        return db.session.scalar(select(cls).where(cls.site_id == site_id).order_by(cls.day.desc()).limit(1))

    @classmethod
    def with_entry(cls, site_id: int, number: int) -> "ChainDay | None":
        """The day that this entry is in; None if it is not closed yet."""
        later = cls.site_id == site_id, cls.last >= number
        return db.session.scalar(select(cls).where(*later).order_by(cls.day).limit(1))

    @classmethod
    def published(cls, site: Site, most: int, before: str = "") -> list["ChainDay"]:
        """The newest days, newest first; those before a day if it is given."""
        query = select(cls).where(cls.site_id == site.id).order_by(cls.day.desc()).limit(most)
        return list(db.session.scalars(query.where(cls.day < before) if before else query))

    @classmethod
    def all_of(cls, site_id: int) -> list["ChainDay"]:
        return list(db.session.scalars(select(cls).where(cls.site_id == site_id).order_by(cls.day)))

    @classmethod
    def last_numbers(cls) -> dict[int, int]:
        """The last entry of each site's newest day."""
        query = select(cls.site_id, func.max(cls.last)).group_by(cls.site_id)
        return {row[0]: row[1] for row in db.session.execute(query)}

    def __repr__(self) -> str:
        return f"<ChainDay {self.day} of site {self.site_id}>"
