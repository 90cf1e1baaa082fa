"""The newest row of each hash chain (app/lib/chain.py): its number and digest. Writers of a chain lock it in turn."""

from typing import Any

from sqlalchemy import String, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.functions import FunctionElement

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib import chain


class ChainHead(Model):
    __tablename__ = "chain_head"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(Id, default=0)
    chain_digest: Mapped[str] = mapped_column(String(64), default=chain.START)

    @classmethod
    def take(cls, name: str, rows: int = 1) -> tuple[int, str]:
        """The number of the next of so many rows, and the digest before it.

        Locks the chain until the commit, so it belongs at the end of a transaction. After a rollback the next row
        gets the same number: there are no gaps.
        """
        table = cls.__table__
        counted = update(table).where(table.c.name == name).values(number=table.c.number + rows)
        returned = counted.returning(table.c.number, table.c.chain_digest)
        connection = db.session.connection()
        row = connection.execute(returned).one_or_none()
        if row is None:
            cls.begin(name)
            row = connection.execute(returned).one()
        return row.number - rows + 1, row.chain_digest

    @classmethod
    def begin(cls, name: str) -> None:
        """Insert the head of an empty chain, unless there is one."""
        connection = db.session.connection()
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        first = dialect.insert(cls.__table__).values(name=name, number=0, chain_digest=chain.START)
        connection.execute(first.on_conflict_do_nothing())

    @classmethod
    def numbers(cls) -> dict[str, int]:
        """The number of the newest row of each chain, by name."""
        return dict(db.session.execute(select(cls.name, cls.number)).all())

    @classmethod
    def put(cls, name: str, number: int, chain_digest: str) -> None:
        """Continue a chain whose rows were restored."""
        db.session.merge(cls(name=name, number=number, chain_digest=chain_digest))

    @classmethod
    def move(cls, name: str, chain_digest: str) -> None:
        rows_changed(update(cls).where(cls.name == name).values(chain_digest=chain_digest))

    @classmethod
    def forget(cls, name: str) -> int:
        return rows_changed(delete(cls).where(cls.name == name))

    @classmethod
    def of(cls, name: str) -> tuple[int, str]:
        """Number and digest of the newest row."""
        row = db.session.execute(select(cls.number, cls.chain_digest).where(cls.name == name)).one_or_none()
        return (row.number, row.chain_digest) if row else (0, chain.START)


class _Linked(FunctionElement[str]):
    """`chain.link` in SQL, of the digest before and that of the content."""

    type = String()
    inherit_cache = True


@compiles(_Linked, "postgresql")
def _by_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    before, content = (compiler.process(each, **options) for each in element.clauses)
    return f"encode(sha256(convert_to({before} || ':' || {content}, 'UTF8')), 'hex')"


@compiles(_Linked, "sqlite")
def _by_python(element: Any, compiler: Any, **options: Any) -> str:
    return f"chain_link({compiler.process(element.clauses, **options)})"


def _advance() -> Any:
    table = ChainHead.__table__
    following = _Linked(table.c.chain_digest, bindparam("content", type_=String()))
    moved = update(table).values(number=table.c.number + 1, chain_digest=following)
    return moved.where(table.c.name == bindparam("chain")).returning(table.c.number, table.c.chain_digest)


# Take the number of one row and set its digest, which `take` and `move` do for several. Locks the chain, too.
ADVANCE = _advance()
