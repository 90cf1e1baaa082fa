"""The one-time link with which the first account is created in the browser; one for the installation."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from app.database import rows_changed
from app.extensions import Id, Model, db
from app.lib.clock import Moment, happened_since, latest, now

LASTS = timedelta(hours=24)
ONLY = 1


class SetupLink(Model):
    __tablename__ = "setup_link"

    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    # Only the hash is stored; '' until there is a token.
    token_hash: Mapped[str] = mapped_column(String(64), default="")
    made_at: Mapped[datetime] = mapped_column(Moment, default=now)

    @classmethod
    def lock(cls) -> "SetupLink":
        """The row, which processes that start together get in turn."""
        dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
        first = dialect.insert(cls).values(id=ONLY, token_hash="", made_at=now())
        db.session.execute(first.on_conflict_do_nothing())
        return db.session.scalars(select(cls).with_for_update().execution_options(populate_existing=True)).one()

    def is_of(self, token: str) -> bool:
        return self.token_hash == _hash(token) and self.is_valid

    @property
    def is_valid(self) -> bool:
        return bool(self.token_hash) and now() - LASTS < self.made_at <= latest()

    def renew(self, token: str) -> None:
        self.token_hash, self.made_at = _hash(token), now()

    @classmethod
    def is_known(cls, token: str) -> bool:
        return db.session.scalar(select(cls.id).where(*_of(token))) is not None

    @classmethod
    def spend(cls, token: str) -> bool:
        """Delete it; True for one of several requests."""
        return rows_changed(delete(cls).where(*_of(token))) == 1


def _of(token: str) -> tuple[ColumnElement[bool], ...]:
    return SetupLink.token_hash == _hash(token), happened_since(SetupLink.made_at, now() - LASTS)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
