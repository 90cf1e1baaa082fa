"""Bring everything under the present key: encrypted values and blind indexes, in batches, while the service runs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Column, Row, String, Table, delete, exists, select, type_coerce, update
from sqlalchemy.exc import IntegrityError

from app.comments.retention import FORGOTTEN
from app.database import looking
from app.extensions import db
from app.lib.clock import now
from app.lib.secrets import (
    DIGEST_LENGTH,
    BlindIndex,
    Encrypted,
    Index,
    all_keys,
    candidates,
    decrypt,
    encrypt,
    is_unreadable,
    tag_of,
)
from app.models import Author, Comment, Moderator, Silence, Site, Subject
from app.screening import rules

BATCH = 200  # rows in one transaction: on SQLite others wait for a few milliseconds
# Marks that only notice a post, a report or an email again within a day.
OUTDATED_AFTER = timedelta(days=2)

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Remade:
    """A blind index that is made again from the row's own (decrypted) values; one that is not of them is forgotten."""

    of: Callable[[Site | None, Values], Index | None]
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outdated:
    """A blind index of something that is not kept: when it is old enough, `forgotten` takes its place."""

    born: str
    forgotten: Callable[[int], str | None] = lambda _id: None


@dataclass(frozen=True)
class ByAuthor:
    """A blind index that is found again by an author of the site who still has the address."""


def _of_email(site: Site | None, row: Values) -> Index | None:
    return Author.index_of(site, row["email"]) if site and row["email"] else None


def _of_identity(_site: Site | None, row: Values) -> Index | None:
    return Author.vouched_by(row["id"], row["name"], row["email"] or "", row["website"])


def _of_network(index_of: Callable[[Site, str], Index | None], site: Site | None, row: Values) -> Index | None:
    return index_of(site, row["address"]) if site and row["address"] else None


def _of_rule(site: Site | None, row: Values) -> Index | None:
    return rules.index_of(site, Subject(row["subject"]), row["value"]) if site and row["value"] else None


_OF_COMMENT = Outdated("created_at")
# How each blind index comes under the present key; a test asks for an answer for each new one.
HOW: dict[str, Remade | Outdated | ByAuthor] = {
    "author.email_index": Remade(_of_email),
    "author.confirmed_index": Remade(_of_email),
    "author.vouched_index": Remade(_of_identity, also=("name", "website")),
    # What is not known is taken from the next comment.
    "author.network_index": Outdated("created_at"),
    "author.traits_index": Outdated("created_at"),
    "comment.address_index": Remade(partial(_of_network, Comment.network_index)),
    "comment.wide_index": Remade(partial(_of_network, Comment.wide_index_of)),
    "comment.request_key": _OF_COMMENT,
    "comment.request_digest": _OF_COMMENT,
    "comment.fingerprint": _OF_COMMENT,
    "comment.typed_by": _OF_COMMENT,
    "comment.text_key": _OF_COMMENT,
    "delivery.recipient": Outdated("created_at"),
    "login_attempt.subject": Outdated("made_at", lambda _id: FORGOTTEN),
    "moderator.email_index": Remade(lambda _site, row: Moderator.index_of(row["email"]) if row["email"] else None),
    "report.reporter_index": Outdated("made_at", lambda id: f"{FORGOTTEN}{id}"),
    "report.wide_index": Outdated("made_at"),
    "rule.value_index": Remade(_of_rule, also=("subject",)),
    "silence.email_index": ByAuthor(),
}


@dataclass
class Progress:
    """What was done and what is left, by table and column."""

    looked_at: Counter[str] = field(default_factory=Counter)
    rewritten: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    doubles: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return not self.left


def rotate(progress: Progress, *, forget_unmatched: bool = False, forget_marks: bool = False) -> Iterator[str]:
    """Rewrite what is not under the present key. Commits each batch and yields its table's name.

    A value that another process changes at the same time is left alone. Can be stopped at any time, and run again.
    `forget_unmatched` forgets unsubscribes of addresses that no author has any more, `forget_marks` at once what
    serves for a day.
    """
    sites = _sites()
    silences = _earlier_silences()
    outdated = now() + timedelta(days=1) if forget_marks else now() - OUTDATED_AFTER
    for table in tables():
        for rows in _batches(table):
            changes = [change for row in rows if (change := _change_of(table, row, sites, outdated))]
            moved = _moved(rows, sites, silences) if table is Author.__table__ and silences else {}
            _write(table, changes, moved, progress)
            progress.looked_at[table.name] += len(rows)
            yield table.name
    if forget_unmatched:
        for silence in _earlier_silences():
            db.session.execute(delete(Silence).where(Silence.id == silence[0]))
        db.session.commit()


def count_left(progress: Progress) -> Iterator[str]:
    """Count again what is not under the present key. Yields the table's name after each batch."""
    keys, tag = all_keys(), tag_of(all_keys()[0])
    progress.left.clear()
    for table in tables():
        for rows in _batches(table):
            for row in rows:
                _count_row(table, row, keys, tag, progress)
            yield table.name


def _sites() -> dict[int, Site]:
    """Apart from the session, so that to ask for one takes no lock between two batches."""
    with looking():
        found = Site.all()
        for site in found:
            db.session.expunge(site)
    return {site.id: site for site in found}


def tables() -> list[Table]:
    """Every table with something that depends on a key."""
    return [table for table in db.metadata.sorted_tables if encrypted(table) or indexed(table)]


def encrypted(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, Encrypted)]


def indexed(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, BlindIndex)]


def is_earlier(stored: str | None, tag: str) -> bool:
    """Whether a stored blind index was made under another key than that of `tag`; one that is forgotten was not."""
    return stored is not None and len(stored) >= DIGEST_LENGTH and not stored.startswith(f"{tag}.")


def _count_row(table: Table, row: Row[Any], keys: tuple[str, ...], tag: str, progress: Progress) -> None:
    stored, lost = row._mapping, False
    for column in encrypted(table):
        raw, name = stored[column.name], f"{table.name}.{column.name}"
        if raw and is_unreadable(decrypt(raw, keys[:1])):
            unreadable = is_unreadable(decrypt(raw, keys))
            (progress.unreadable if unreadable else progress.left)[name] += 1
            lost = lost or unreadable
    for column in indexed(table):
        name = f"{table.name}.{column.name}"
        if is_earlier(stored[column.name], tag):
            # The value behind an index may be lost with its key: no key of ours has to stay for it.
            (progress.unreadable if lost and isinstance(HOW[name], Remade) else progress.left)[name] += 1


def _batches(table: Table) -> Iterator[list[Row[Any]]]:
    """The rows as they are stored, by id; no transaction is open between two batches."""
    columns = [*encrypted(table), *indexed(table)]
    more = {"site_id", *(name for each in indexed(table) for name in _needs(f"{table.name}.{each.name}"))}
    plain = [table.c[name] for name in sorted(more) if name in table.c]
    query = select(table.c.id, *(type_coerce(each, String).label(each.name) for each in columns), *plain)
    last = 0
    while True:
        with looking():
            rows = list(db.session.execute(query.where(table.c.id > last).order_by(table.c.id).limit(BATCH)))
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _needs(name: str) -> tuple[str, ...]:
    how = HOW[name]
    return how.also if isinstance(how, Remade) else (how.born,) if isinstance(how, Outdated) else ()


Change = tuple[int, dict[str, Any], dict[str, Any]]  # id, stored values, new values


def _change_of(table: Table, row: Row[Any], sites: Mapping[int, Site], outdated: datetime) -> Change | None:
    stored = dict(row._mapping)
    read = {column.name: decrypt(stored[column.name], all_keys()) for column in encrypted(table) if stored[column.name]}
    new = {name: encrypt(text) for name, text in read.items() if _is_under_earlier(stored[name], text)}
    values = {column.name: "" for column in encrypted(table)} | stored | read
    site, tag = sites.get(stored.get("site_id") or 0), tag_of(all_keys()[0])
    for column in indexed(table):
        if is_earlier(stored[column.name], tag):
            new |= _index_anew(table, column.name, values, site, outdated)
    return (row.id, {name: stored[name] for name in new}, new) if new else None


def _is_under_earlier(raw: str, text: str) -> bool:
    return not is_unreadable(text) and is_unreadable(decrypt(raw, all_keys()[:1]))


def _index_anew(table: Table, name: str, values: Values, site: Site | None, outdated: datetime) -> dict[str, Any]:
    how, stored = HOW[f"{table.name}.{name}"], values[name]
    if isinstance(how, Remade):
        index = how.of(site, values)
        if index is not None and stored in index.all:
            return {name: str(index)}
        # The address was replaced since, or cannot be read. Where a value is required it stays as it is.
        readable = not any(is_unreadable(each) for each in values.values())
        return {name: None} if table.c[name].nullable and readable else {}
    if isinstance(how, Outdated) and values[how.born] < outdated:
        return {name: how.forgotten(values["id"])}
    return {}


def _write(table: Table, changes: list[Change], moved: Mapping[tuple[int, str], str], progress: Progress) -> None:
    """In one transaction. Each row is changed only if it is still as it was read."""
    try:
        with db.session.begin_nested():
            changed = sum(_changed(table, change) for change in changes)
    except IntegrityError:
        changed = sum(_changed_alone(table, change, progress) for change in changes)
    if changed:
        progress.rewritten[table.name] += changed
    for (site_id, earlier), present in moved.items():
        _move_silence(site_id, earlier, present)
        progress.rewritten["silence"] += 1
    db.session.commit()


def _changed_alone(table: Table, change: Change, progress: Progress) -> int:
    """A unique value that another row has already under the present key is told, and stops no other row."""
    try:
        with db.session.begin_nested():
            return _changed(table, change)
    except IntegrityError:
        progress.doubles.append(f"{table.name} {change[0]}")
        return 0


def _changed(table: Table, change: Change) -> int:
    id, stored, new = change
    same = [type_coerce(table.c[name], String) == value for name, value in stored.items()]
    values = {table.c[name]: type_coerce(value, String) for name, value in new.items()}
    return int(db.session.execute(update(table).where(table.c.id == id, *same).values(values)).rowcount)  # type: ignore[attr-defined]


def _earlier_silences() -> list[tuple[int, int, str]]:
    """(id, site_id, index) of unsubscribes that are not under the present key."""
    tag = tag_of(all_keys()[0])
    with looking():
        rows = db.session.execute(select(Silence.id, Silence.site_id, Silence.email_index)).all()
    return [(row.id, row.site_id, row.email_index) for row in rows if is_earlier(row.email_index, tag)]


def _moved(
    rows: list[Row[Any]], sites: Mapping[int, Site], silences: list[tuple[int, int, str]]
) -> dict[tuple[int, str], str]:
    """Unsubscribes of these authors, by site and earlier index, with their index under the present key."""
    known = {(site_id, index) for _id, site_id, index in silences}
    found: dict[tuple[int, str], str] = {}
    for row in rows:
        email = decrypt(row.email, all_keys()) if row.email else ""
        index = Author.index_of(sites[row.site_id], email) if email and row.site_id in sites else None
        found |= {(row.site_id, each): str(index) for each in candidates([index]) if (row.site_id, each) in known}
    return found


def _move_silence(site_id: int, earlier: str, present: str) -> None:
    """The same address may have unsubscribed again under the present key: one row is enough."""
    mine = (Silence.site_id == site_id, Silence.email_index == earlier)
    there = exists().where(Silence.site_id == site_id, Silence.email_index == present)
    if db.session.scalar(select(there)):
        db.session.execute(delete(Silence).where(*mine), execution_options={"synchronize_session": False})
    else:
        db.session.execute(
            update(Silence).where(*mine).values(email_index=present), execution_options={"synchronize_session": False}
        )
