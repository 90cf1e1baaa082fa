"""Match the keys against the database, which stores a fingerprint of each key in use."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import Column, Connection, String, Table, delete, insert, select, type_coerce
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import Id, Model, db
from app.lib.clock import Moment, now
from app.lib.secrets import Encrypted, all_keys, decrypt, is_unreadable, print_of

LOOKED_AT = 200  # rows at each end of a table
KEY_FILE = "secret_key"

Rows = Sequence[Sequence[Any]]


class WrongKey(ValueError):
    """The keys are not those of the database; the message says how to fix it."""


class KeyPrint(Model):
    """Fingerprint of a key in use: a salted hash, different in each database."""

    __tablename__ = "key_print"

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    salt: Mapped[str] = mapped_column(String(32))
    digest: Mapped[str] = mapped_column(String(64))
    since: Mapped[datetime] = mapped_column(Moment, default=now)


class Print(NamedTuple):
    """A row of KeyPrint; `since` is text if SQLite's file was read without SQLAlchemy."""

    salt: str
    digest: str
    since: Any

    def is_of(self, key: str) -> bool:
        return print_of(key, bytes.fromhex(self.salt)) == self.digest


def admit() -> None:
    """Check the keys once for each process, and store the fingerprint of a new one.

    Raises WrongKey. Without database or tables it does nothing.
    """
    keys = all_keys()
    if current_app.extensions.get("keys admitted") == keys:
        return
    try:
        prints = _judged(keys)
        if not any(each.is_of(keys[0]) for each in prints):
            _note(keys[0])
    except SQLAlchemyError:
        # The next caller checks again; other queries report that the database is down.
        return
    current_app.extensions["keys admitted"] = keys


def trouble(connection: Connection | None = None) -> str:
    """The problem with the keys and its fix, or ''; of this database, or of that of `connection`."""
    try:
        _judge_in(connection, all_keys()) if connection else _judged(all_keys())
    except WrongKey as wrong:
        return str(wrong)
    return ""


def judge(prints: Iterable[Print], rows_of: Callable[[Table, Column[Any], bool], Rows], keys: tuple[str, ...]) -> None:
    """Raise WrongKey if a key with a fingerprint is missing, or, without fingerprints, if most sampled values are
    unreadable.

    `rows_of` gives (id, ciphertext) of a column, oldest or newest first.
    """
    prints = list(prints)
    missing = [each for each in prints if not any(each.is_of(key) for key in keys)]
    if missing:
        raise WrongKey(_what_to_do(missing))
    if not prints:
        read = [not is_unreadable(decrypt(value, keys)) for value in _sample(rows_of)]
        if sum(read) * 2 < len(read):
            raise WrongKey(_what_to_do([]))


def unreadable() -> list[str]:
    """Columns (table.column) with values among the oldest and newest that no key decrypts."""
    keys, found = all_keys(), []
    with _read_connection() as connection:
        for table, column in encrypted_columns():
            values = _values(_rows_from(connection), table, column)
            if any(is_unreadable(decrypt(value, keys)) for value in values):
                found.append(f"{table.name}.{column.name}")
    return found


def encrypted_columns() -> Iterator[tuple[Table, Column[Any]]]:
    for table in db.metadata.sorted_tables:
        yield from ((table, column) for column in table.columns if isinstance(column.type, Encrypted))


def accept() -> None:
    """Continue with the current key; values under other keys stay unreadable. Commits."""
    with db.engine.begin() as connection:
        connection.execute(delete(KeyPrint))
    _note(all_keys()[0])


def retire_earlier() -> None:
    """Delete the fingerprints of configured earlier keys, when no value uses them any more. Commits."""
    with db.engine.begin() as connection:
        for row in connection.execute(select(KeyPrint.id, KeyPrint.salt, KeyPrint.digest)).all():
            each = Print(row.salt, row.digest, None)
            if not each.is_of(all_keys()[0]) and any(each.is_of(key) for key in all_keys()):
                connection.execute(delete(KeyPrint).where(KeyPrint.id == row.id))


def _judged(keys: tuple[str, ...]) -> list[Print]:
    with _read_connection() as connection:
        return _judge_in(connection, keys)


def _judge_in(connection: Connection, keys: tuple[str, ...]) -> list[Print]:
    rows = connection.execute(select(KeyPrint.salt, KeyPrint.digest, KeyPrint.since))
    prints = [Print(*row) for row in rows]
    judge(prints, _rows_from(connection), keys)
    return prints


def _read_connection() -> Connection:
    """A separate connection: the session may be in a transaction or broken."""
    return db.engine.connect().execution_options(reads_only=True)


def _rows_from(connection: Connection) -> Callable[[Table, Column[Any], bool], Rows]:
    def rows_of(table: Table, column: Column[Any], newest: bool) -> Rows:
        raw = type_coerce(column, String)
        query = select(table.c.id, raw).order_by(table.c.id.desc() if newest else table.c.id).limit(LOOKED_AT)
        return connection.execute(query).all()

    return rows_of


def _note(key: str) -> None:
    salt = secrets.token_bytes(16)
    row = {"salt": salt.hex(), "digest": print_of(key, salt), "since": now()}
    with db.engine.begin() as connection:
        connection.execute(insert(KeyPrint), row)


def _sample(rows_of: Callable[[Table, Column[Any], bool], Rows]) -> Iterator[str]:
    for table, column in encrypted_columns():
        yield from _values(rows_of, table, column)


def _values(rows_of: Callable[[Table, Column[Any], bool], Rows], table: Table, column: Column[Any]) -> list[str]:
    rows = [*rows_of(table, column, False), *rows_of(table, column, True)]
    return [value for value in {row[0]: row[1] for row in rows}.values() if value]


def _what_to_do(missing: list[Print]) -> str:
    since = f" (in use since {str(missing[0].since)[:10]})" if missing else ""
    return (
        f"The database has values encrypted with another SECRET_KEY{since}. {_where(missing)} "
        "To replace a key, add the earlier one to SECRET_KEY_FALLBACKS (docs/keys.md). "
        "If the key is lost: flask upkeep accept-key"
    )


def _where(missing: list[Print]) -> str:
    for file in _key_files():
        key = file.read_text().strip()
        if any(each.is_of(key) for each in missing):
            return f"The key is in {file}. Unset SECRET_KEY to use it, or set SECRET_KEY to its content."
    return (
        f"Set SECRET_KEY to that key. Look for it in backups of the environment, or of the file {KEY_FILE} in the "
        f"instance folder ({current_app.instance_path})."
    )


def _key_files() -> Iterator[Path]:
    database = db.engine.url.database if db.engine.dialect.name == "sqlite" else None
    folders = [Path(current_app.instance_path), *([Path(database).parent] if database else [])]
    return (folder / KEY_FILE for folder in folders if (folder / KEY_FILE).is_file())
