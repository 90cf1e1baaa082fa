"""The hash chain of a site's decisions: one entry for each decision, numbered from 1 without gaps.

An entry has the salted digest of its decision and continues the entry before. Entries are added at the end of the
transaction that decides: two transactions of a site wait for each other only from there to the commit.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ForeignKey, Index, String, bindparam, event, insert, select, update
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from app.database import among, rows_changed
from app.extensions import Id, Model, db
from app.lib import chain, commitment
from app.models.chain_head import ADVANCE, ChainHead
from app.models.comment import Comment
from app.models.decision import Decision
from app.models.site import Site
from app.models.wording import LONGEST_ACCEPTED

# In the session's `info`: ids of decisions that its transaction has inserted, and those whose values are known, by id.
MADE, KNOWN = "decisions without an entry", "known decisions without an entry"
BATCH = 500


class Made(NamedTuple):
    """A decision without an entry, with the version of the house rules for it."""

    site_id: int
    id: int
    rules: str
    content: dict[str, Any]


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
        erased = update(cls).where(
            cls.decision_id.in_(theirs.where(Comment.author_id.in_(among(authors)))), cls.salt != ""
        )
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


def note_first(decision: Decision, comment: Comment) -> None:
    """The same for the first decision on a comment, which then is not read again: every post makes one."""
    note_made(decision.id)
    session = db.session()
    # A savepoint may be rolled back without the transaction.
    if not session.in_nested_transaction():
        content = content_of(decision, comment.accepted, comment.thread.site.archive_shift)
        made = Made(comment.site_id, decision.id, comment.accepted, content)
        session.info.setdefault(KNOWN, {})[decision.id] = made


def link(ids: Collection[int]) -> None:
    """Add entries for those of these decisions that have none, in the order of their ids."""
    for batch in _batches(sorted(set(ids))):
        _append_all([*_without_entry(batch)])


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(ids), BATCH):
        yield ids[at : at + BATCH]


def _without_entry(ids: Collection[int]) -> Iterator[Made]:
    table = Decision.__table__
    columns = (table, Comment.accepted, Site.archive_shift)
    joined = select(*columns).join(Comment, Comment.id == table.c.comment_id).join(Site, Site.id == table.c.site_id)
    entry = select(ChainEntry.id).where(ChainEntry.decision_id == table.c.id)
    for row in db.session.execute(joined.where(table.c.id.in_(ids), ~entry.exists())):
        yield Made(row.site_id, row.id, row.accepted, content_of(row, row.accepted, row.archive_shift))


def _append_all(made: Collection[Made]) -> None:
    # By site: transactions that decide on several sites lock their chains in the same order.
    for site_id, of_site in groupby(sorted(made, key=lambda each: each[:2]), key=lambda each: each.site_id):
        entries = [_entry(each) for each in of_site]
        if len(entries) == 1:
            _append_one(site_id, entries[0])
        else:
            _append_many(site_id, entries)


def _entry(made: Made) -> dict[str, Any]:
    """The columns that do not depend on the entry before."""
    salt = chain.new_salt()
    content = commitment.digest(salt, made.content)
    given = {"decision_id": made.id, "rules": made.rules, "salt": salt, "content_digest": content}
    return {"site_id": made.site_id, **given}


def _append_one(site_id: int, entry: dict[str, Any]) -> None:
    append = _append_on_sqlite if db.engine.dialect.name == "sqlite" else _append_on_postgresql
    if not append(site_id, entry):
        ChainHead.begin(name_of(site_id))
        append(site_id, entry)


def _append_on_sqlite(site_id: int, entry: dict[str, Any]) -> bool:
    """False if the chain has no head yet."""
    connection, given = db.session.connection(), {"chain": name_of(site_id), "content": entry["content_digest"]}
    head = connection.execute(ADVANCE, given).one_or_none()
    if head:
        connection.execute(insert(ChainEntry.__table__), entry | head._asdict())
    return head is not None


def _append_on_postgresql(site_id: int, entry: dict[str, Any]) -> bool:
    """The same in one statement: other transactions of the site wait from here to the commit."""
    given = {"chain": name_of(site_id), "content": entry["content_digest"]}
    given |= {f"its_{name}": value for name, value in entry.items()}
    return db.session.connection().scalar(_APPEND, given) is not None


def _entry_after_head() -> Any:
    table, head = ChainEntry.__table__, ADVANCE.cte("head")
    columns = [each for each in table.c if each.key != "id"]
    following = {"number": head.c.number, "chain_digest": head.c.chain_digest}
    values = (following.get(each.key, bindparam(f"its_{each.key}", type_=each.type)) for each in columns)
    return insert(table).from_select(columns, select(*values).select_from(head)).returning(table.c.id)


_APPEND = _entry_after_head()


def _append_many(site_id: int, entries: list[dict[str, Any]]) -> None:
    name = name_of(site_id)
    number, digest = ChainHead.take(name, len(entries))
    for at, entry in enumerate(entries, number):
        digest = chain.link(digest, entry["content_digest"])
        entry |= {"number": at, "chain_digest": digest}
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
    ids, known = session.info.pop(MADE), session.info.pop(KNOWN, {})
    if known.keys() >= set(ids):
        _append_all(known.values())
    else:
        link(ids)


@event.listens_for(db.session, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        for name in (MADE, KNOWN):
            session.info.pop(name, None)
