"""The first answer to a write by a program with an Idempotency-Key, which a repeated request gets again."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, now
from app.lib.secrets import BlindIndex, Encrypted, blind_index
from app.lib.secrets import Index as Digest
from app.models.api_token import ApiToken

KEPT = timedelta(hours=24)
# Of one answer, and of all of a token (bytes). Longer ones belong to requests that are recognised by their content.
LONGEST, MOST_OF_TOKEN = 256 << 10, 64 << 20
# A small one is kept without adding up the others.
SMALL = 4 << 10


class ApiAnswer(Model):
    """Inserted in the transaction of the write. Key and request are keyed hashes; the answer is encrypted."""

    __tablename__ = "api_answer"
    __table_args__ = (
        # A second request with the key waits here for the first one.
        UniqueConstraint("token_id", "request_key"),
        Index("ix_api_answer_made_at", "made_at"),
    )

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("api_token.id", ondelete="CASCADE"))
    request_key: Mapped[str | None] = mapped_column(BlindIndex)
    # Of the operation and everything that the client sent.
    request_digest: Mapped[str | None] = mapped_column(BlindIndex)
    code: Mapped[int] = mapped_column(default=0)
    # '' if it was too long to keep.
    body: Mapped[str] = mapped_column(Encrypted, default="")
    size: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def of(cls, token_id: int, key: Digest) -> "ApiAnswer | None":
        query = select(cls).where(cls.token_id == token_id, cls.request_key == key, cls._is_kept())
        return db.session.scalar(query.execution_options(populate_existing=True))

    @classmethod
    def claim(cls, token_id: int, key: Digest, digest: Digest) -> bool:
        """Insert the row; False if another request has done so, for whose end PostgreSQL waits."""
        mine = cls.token_id == token_id, cls.request_key == key
        rows_changed(delete(cls).where(*mine, ~cls._is_kept()))
        dialect: Any = sqlite if db.engine.dialect.name == "sqlite" else postgresql
        row = {"token_id": token_id, "request_key": key, "request_digest": digest, "made_at": now()}
        new = dialect.insert(cls).values(code=0, body="", size=0, **row)
        return db.session.scalar(new.on_conflict_do_nothing().returning(cls.id)) is not None

    @classmethod
    def keep(cls, token_id: int, key: Digest, code: int, body: str) -> None:
        """Store the answer with its claim."""
        size = len(body.encode())
        fits = size <= SMALL or (size <= LONGEST and cls._bytes_of(token_id) + size <= MOST_OF_TOKEN)
        mine = update(cls).where(cls.token_id == token_id, cls.request_key == key)
        rows_changed(mine.values(code=code, body=body if fits else "", size=size if fits else 0))

    @classmethod
    def forget_old(cls) -> int:
        """Delete those that are not kept any more; of tokens with too many, the oldest ones."""
        gone = rows_changed(delete(cls).where(~cls._is_kept()))
        full = select(cls.token_id).group_by(cls.token_id).having(func.sum(cls.size) > MOST_OF_TOKEN)
        for token_id in db.session.scalars(full).all():
            older = func.sum(cls.size).over(order_by=cls.id.desc()).label("size")
            summed = select(cls.id, older).where(cls.token_id == token_id).subquery()
            oldest = select(summed.c.id).where(summed.c.size > MOST_OF_TOKEN)
            gone += rows_changed(delete(cls).where(cls.id.in_(oldest)))
        return gone

    @classmethod
    def of_sites(cls, site_ids: Collection[int]) -> Iterator[tuple[int, str]]:
        """Ids and texts of the answers to programs of these sites."""
        told = select(cls.id, cls.body).join(ApiToken, ApiToken.id == cls.token_id)
        told = told.where(ApiToken.site_id.in_(site_ids), cls.body != "").execution_options(yield_per=100)
        yield from ((row.id, row.body) for row in db.session.execute(told))

    @classmethod
    def forget(cls, ids: Collection[int]) -> None:
        rows_changed(delete(cls).where(cls.id.in_(ids)))

    @classmethod
    def _bytes_of(cls, token_id: int) -> int:
        return db.session.scalar(select(func.sum(cls.size)).where(cls.token_id == token_id)) or 0

    @classmethod
    def _is_kept(cls) -> Any:
        return happened_since(cls.made_at, now() - KEPT)

    def is_of(self, digest: Digest) -> bool:
        return self.request_digest in digest.all

    def __repr__(self) -> str:
        return f"<ApiAnswer {self.id}>"


def key_index(token_id: int, key: str) -> Digest:
    return blind_index("key of a program", f"{token_id}\0{key}")


def digest_of(request: bytes) -> Digest:
    return blind_index("request of a program", request.hex())
