"""The hash chain of a site's decisions: one entry for each decision, numbered from 1 without gaps.

An entry has the salted digest of its decision and continues the entry before. Entries are added at the end of the
transaction that decides: two transactions of a site wait for each other only from there to the commit.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ForeignKey, Index, String, event, insert, select, update
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib import chain, commitment
from app.models.chain_head import ChainHead
from app.models.comment import Comment
from app.models.decision import Decision
from app.models.site import Site
from app.models.wording import LONGEST_ACCEPTED

# In the session's `info`: ids of decisions that its transaction has inserted.
MADE = "decisions without an entry"
BATCH = 500


class ChainEntry(Model):
    __tablename__ = "chain_entry"
    __table_args__ = (
        Index("uq_chain_entry_number", "site_id", "number", unique=True),
        Index("uq_chain_entry_decision", "decision_id", unique=True),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("site.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Id)
    # None if the decision was deleted, which only happens by hand.
    decision_id: Mapped[int | None] = mapped_column(ForeignKey("decision.id", ondelete="SET NULL"))
    # The version of the house rules that the comment's author had accepted.
    rules: Mapped[str] = mapped_column(String(LONGEST_ACCEPTED), default="")
    # '' once the comment's author was erased.
    salt: Mapped[str] = mapped_column(String(32))
    content_digest: Mapped[str] = mapped_column(String(64))
    chain_digest: Mapped[str] = mapped_column(String(64))

    @classmethod
    def of(cls, decision: Decision) -> "ChainEntry | None":
        return db.session.scalar(select(cls).where(cls.decision_id == decision.id))

    @classmethod
    def newest(cls, site_id: int) -> "ChainEntry | None":
        return db.session.scalar(select(cls).where(cls.site_id == site_id).order_by(cls.number.desc()).limit(1))

    @classmethod
    def digests(cls, site_id: int, numbers: Collection[int]) -> dict[int, str]:
        """The chain digests of the site's entries with these numbers."""
        mine = cls.site_id == site_id, cls.number.in_(numbers)
        return {row[0]: row[1] for row in db.session.execute(select(cls.number, cls.chain_digest).where(*mine))}

    @classmethod
    def leaves(cls, site_id: int, first: int, last: int) -> Iterator[str]:
        """The digests of the decisions with these numbers, in order."""
        mine = cls.site_id == site_id, cls.number.between(first, last)
        query = select(cls.content_digest).where(*mine).order_by(cls.number)
        yield from db.session.scalars(query.execution_options(yield_per=BATCH))

    @classmethod
    def forget_salts(cls, authors: Collection[int]) -> int:
        """Make it impossible to guess the decisions on these authors' comments from their digests."""
        theirs = select(Decision.id).join(Comment, Comment.id == Decision.comment_id)
        erased = update(cls).where(cls.decision_id.in_(theirs.where(Comment.author_id.in_(authors))), cls.salt != "")
        return rows_changed(erased.values(salt=""))

    def __repr__(self) -> str:
        return f"<ChainEntry {self.number} of site {self.site_id}: decision {self.decision_id}>"


def name_of(site_id: int) -> str:
    """The name of a site's chain."""
    return f"site {site_id}"


def content_of(decision: Any, rules: str, shift: Mapping[str, int]) -> dict[str, Any]:
    """What a decision's digest is made of: nothing that identifies a person, and no text.

    Without who decided and the note, which go with an account or a person. Ids are those of the installation in which
    the site began (`Site.archive_shift`).
    """
    undoes = decision.undoes_id
    return {
        "comment": decision.comment_id - shift.get("comment", 0),
        "before": decision.from_status,
        "status": decision.to_status,
        "version": decision.version,
        "actor": decision.actor,
        "reason": decision.reason,
        "rules": rules,
        "undoes": undoes and undoes - shift.get("decision", 0),
        "overrides": decision.overrides,
        "made_at": decision.made_at.isoformat(),
    }


def note_made(*ids: int) -> None:
    """Have these decisions get their entries when the transaction commits."""
    db.session().info.setdefault(MADE, []).extend(ids)


def link(ids: Collection[int]) -> None:
    """Add entries for those of these decisions that have none, in the order of their ids."""
    for batch in _batches(sorted(set(ids))):
        rows = list(db.session.execute(_without_entry(batch)))
        for site_id, of_site in groupby(rows, key=lambda row: row.site_id):
            _append(site_id, list(of_site))


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(ids), BATCH):
        yield ids[at : at + BATCH]


def _without_entry(ids: Collection[int]) -> Any:
    table = Decision.__table__
    columns = (table, Comment.accepted, Site.archive_shift)
    joined = select(*columns).join(Comment, Comment.id == table.c.comment_id).join(Site, Site.id == table.c.site_id)
    entry = select(ChainEntry.id).where(ChainEntry.decision_id == table.c.id)
    # By site: transactions that decide on several sites lock their chains in the same order.
    return joined.where(table.c.id.in_(ids), ~entry.exists()).order_by(table.c.site_id, table.c.id)


def _append(site_id: int, rows: list[Any]) -> None:
    name = name_of(site_id)
    number, digest = ChainHead.take(name, len(rows))
    entries = []
    for at, row in enumerate(rows, number):
        salt = chain.new_salt()
        content = commitment.digest(salt, content_of(row, row.accepted, row.archive_shift))
        digest = chain.link(digest, content)
        entries.append(
            {"site_id": site_id, "number": at, "decision_id": row.id, "rules": row.accepted, "salt": salt,
             "content_digest": content, "chain_digest": digest}
        )  # fmt: skip
    db.session.connection().execute(insert(ChainEntry.__table__), entries)
    ChainHead.move(name, digest)


@event.listens_for(Decision, "after_insert")
def _note(_mapper: Any, _connection: Any, decision: Decision) -> None:
    note_made(decision.id)


@event.listens_for(db.session, "before_commit")
def _link_made(session: Session) -> None:
    if session.in_nested_transaction() or not session.info.get(MADE):
        return
    # All other locks first: behind this one there is only the commit.
    session.flush()
    link(session.info.pop(MADE))


@event.listens_for(db.session, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(MADE, None)
