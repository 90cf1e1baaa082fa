"""Re-encrypt values and recompute blind indexes under the current SECRET_KEY, while the service runs."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, String, Table, delete, exists, select, type_coerce, update
from sqlalchemy.exc import IntegrityError

from app.comments.key_columns import (
    OUTDATED_AFTER,
    STRATEGIES,
    Expiring,
    Recomputed,
    Values,
    columns_needed,
    encrypted,
    indexed,
    is_stale,
    tables,
)
from app.database import autocommit_reads
from app.extensions import db
from app.lib.clock import now
from app.lib.secrets import all_keys, candidates, decrypt, encrypt, is_unreadable, tag_of
from app.models import Author, Site, Unsubscribe

BATCH = 200  # rows in a transaction, so others wait for milliseconds


@dataclass
class Progress:
    """Counts by table (looked_at, rewritten) or column (left, unreadable); `doubles` are colliding rows."""

    looked_at: Counter[str] = field(default_factory=Counter)
    rewritten: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    unreadable: Counter[str] = field(default_factory=Counter)
    doubles: list[str] = field(default_factory=list)

    @property
    def done(self) -> bool:
        return not self.left


def rotate(progress: Progress, *, forget_unmatched: bool = False, forget_hashes: bool = False) -> Iterator[str]:
    """Rewrite all values that use another key. Commits each batch and yields its table's name.

    Rows that another process changes are skipped. Can be interrupted and repeated. `forget_unmatched` deletes
    unsubscribes of addresses without author; `forget_hashes` expires short-lived hashes at once.
    """
    sites = _sites()
    unsubscribes = _stale_unsubscribes()
    outdated = now() + timedelta(days=1) if forget_hashes else now() - OUTDATED_AFTER
    for table in tables():
        for rows in _batches(table):
            changes = [change for row in rows if (change := _change_of(table, row, sites, outdated))]
            moved = _moved_unsubscribes(rows, sites, unsubscribes) if table is Author.__table__ and unsubscribes else {}
            _write(table, changes, moved, progress)
            progress.looked_at[table.name] += len(rows)
            yield table.name
    if forget_unmatched:
        for unsubscribe in _stale_unsubscribes():
            db.session.execute(delete(Unsubscribe).where(Unsubscribe.id == unsubscribe[0]))
        db.session.commit()


def count_left(progress: Progress) -> Iterator[str]:
    """Count all values that use another key. Yields the table's name after each batch."""
    keys, tag = all_keys(), tag_of(all_keys()[0])
    progress.left.clear()
    for table in tables():
        for rows in _batches(table):
            for row in rows:
                _count_row(table, row, keys, tag, progress)
            yield table.name


def _sites() -> dict[int, Site]:
    """Detached from the session: reading attributes between two batches then takes no lock."""
    with autocommit_reads():
        found = Site.all()
        for site in found:
            db.session.expunge(site)
    return {site.id: site for site in found}


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
        if is_stale(stored[column.name], tag):
            # If the source value is unreadable, no older key would help.
            (progress.unreadable if lost and isinstance(STRATEGIES[name], Recomputed) else progress.left)[name] += 1


def _batches(table: Table) -> Iterator[list[Row[Any]]]:
    """Stored rows by id; no transaction is open between two batches."""
    columns = [*encrypted(table), *indexed(table)]
    more = {"site_id", *(name for each in indexed(table) for name in columns_needed(f"{table.name}.{each.name}"))}
    plain = [table.c[name] for name in sorted(more) if name in table.c]
    query = select(table.c.id, *(type_coerce(each, String).label(each.name) for each in columns), *plain)
    last = 0
    while True:
        with autocommit_reads():
            rows = list(db.session.execute(query.where(table.c.id > last).order_by(table.c.id).limit(BATCH)))
        if not rows:
            return
        yield rows
        last = rows[-1].id


Change = tuple[int, dict[str, Any], dict[str, Any]]  # id, stored values, new values


def _change_of(table: Table, row: Row[Any], sites: Mapping[int, Site], outdated: datetime) -> Change | None:
    stored = dict(row._mapping)
    read = {column.name: decrypt(stored[column.name], all_keys()) for column in encrypted(table) if stored[column.name]}
    new = {name: encrypt(text) for name, text in read.items() if _is_under_old_key(stored[name], text)}
    values = {column.name: "" for column in encrypted(table)} | stored | read
    site, tag = sites.get(stored.get("site_id") or 0), tag_of(all_keys()[0])
    for column in indexed(table):
        if is_stale(stored[column.name], tag):
            new |= _reindexed(table, column.name, values, site, outdated)
    return (row.id, {name: stored[name] for name in new}, new) if new else None


def _is_under_old_key(raw: str, text: str) -> bool:
    return not is_unreadable(text) and is_unreadable(decrypt(raw, all_keys()[:1]))


def _reindexed(table: Table, name: str, values: Values, site: Site | None, outdated: datetime) -> dict[str, Any]:
    strategy, stored = STRATEGIES[f"{table.name}.{name}"], values[name]
    if isinstance(strategy, Recomputed):
        index = strategy.of(site, values)
        if index is not None and stored in index.all:
            return {name: str(index)}
        # The address was replaced since, or is unreadable. A required value stays.
        readable = not any(is_unreadable(each) for each in values.values())
        return {name: None} if table.c[name].nullable and readable else {}
    if isinstance(strategy, Expiring) and values[strategy.created] < outdated:
        return {name: strategy.forgotten(values["id"])}
    return {}


def _write(table: Table, changes: list[Change], moved: Mapping[tuple[int, str], str], progress: Progress) -> None:
    """One transaction; a row is changed only if it still has the values that were read."""
    try:
        with db.session.begin_nested():
            changed = sum(_changed(table, change) for change in changes)
    except IntegrityError:
        changed = sum(_changed_alone(table, change, progress) for change in changes)
    if changed:
        progress.rewritten[table.name] += changed
    for (site_id, old), new in moved.items():
        _move_unsubscribe(site_id, old, new)
        progress.rewritten["unsubscribe"] += 1
    db.session.commit()


def _changed_alone(table: Table, change: Change, progress: Progress) -> int:
    """Report a collision with a row under the current key, and continue with the others."""
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


def _stale_unsubscribes() -> list[tuple[int, int, str]]:
    """(id, site_id, index) of unsubscribes that use another key."""
    tag = tag_of(all_keys()[0])
    with autocommit_reads():
        rows = db.session.execute(select(Unsubscribe.id, Unsubscribe.site_id, Unsubscribe.email_index)).all()
    return [(row.id, row.site_id, row.email_index) for row in rows if is_stale(row.email_index, tag)]


def _moved_unsubscribes(
    rows: list[Row[Any]], sites: Mapping[int, Site], unsubscribes: list[tuple[int, int, str]]
) -> dict[tuple[int, str], str]:
    """(site, old index) to the current index, of these authors."""
    known = {(site_id, index) for _id, site_id, index in unsubscribes}
    found: dict[tuple[int, str], str] = {}
    for row in rows:
        email = decrypt(row.email, all_keys()) if row.email else ""
        index = Author.index_of(sites[row.site_id], email) if email and row.site_id in sites else None
        found |= {(row.site_id, each): str(index) for each in candidates([index]) if (row.site_id, each) in known}
    return found


def _move_unsubscribe(site_id: int, old: str, new: str) -> None:
    """Without a duplicate, if the address has unsubscribed again."""
    mine = (Unsubscribe.site_id == site_id, Unsubscribe.email_index == old)
    there = exists().where(Unsubscribe.site_id == site_id, Unsubscribe.email_index == new)
    if db.session.scalar(select(there)):
        db.session.execute(delete(Unsubscribe).where(*mine), execution_options={"synchronize_session": False})
    else:
        db.session.execute(
            update(Unsubscribe).where(*mine).values(email_index=new), execution_options={"synchronize_session": False}
        )
