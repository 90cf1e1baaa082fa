"""Insert rows of an archive: recompute left-out columns, tree paths and counts."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.lib import chain, markup
from app.models import (
    Author,
    ChainDay,
    ChainEntry,
    ChainHead,
    Comment,
    Decision,
    Site,
    Status,
    Subject,
    Thread,
    Unsubscribe,
    comment_counts,
)
from app.models.chain_entry import link, name_of
from app.models.path import ids_in, place_of
from app.screening import rules
from app.transfer.archive import ArchivedTable, Row


def insert_rows(site: Site, table: ArchivedTable, rows: list[Row]) -> set[int]:
    """Ids of the inserted rows; existing rows are left out."""
    for row in rows:
        row["site_id"] = site.id
        if table.name in RECOMPUTE:
            RECOMPUTE[table.name](site, row)
    if table.name in CONTINUE:
        rows = CONTINUE[table.name](site, rows)
    if table.name == "comment":
        _set_paths(site, rows)
    inserted = _insert(table, rows)
    if table.name == "comment":
        _count_approved([row for row in rows if row["id"] in inserted])
    return inserted


def _insert(table: ArchivedTable, rows: list[Row]) -> set[int]:
    """All rows in one statement; one by one after a conflict."""
    if not rows:
        return set()
    try:
        with db.session.begin_nested():
            db.session.execute(insert(table.table), rows)
        return {row["id"] for row in rows}
    except IntegrityError:
        return {row["id"] for row in rows if _insert_one(table, row)}


def _insert_one(table: ArchivedTable, row: Row) -> bool:
    try:
        with db.session.begin_nested():
            db.session.execute(insert(table.table), [row])
    except IntegrityError:
        return False
    return True


def _following_entries(site: Site, rows: list[Row]) -> list[Row]:
    """Those that follow the site's entries: a copy that went its own way has others with their numbers."""
    last = ChainEntry.newest(site.id)
    number, digest = (last.number, last.chain_digest) if last else (0, chain.START)
    found = []
    for row in rows:
        if (row["number"], row["chain_digest"]) == (number + 1, chain.link(digest, row["content_digest"])):
            found.append(row)
            number, digest = row["number"], row["chain_digest"]
    return found


def _following_days(site: Site, rows: list[Row]) -> list[Row]:
    """Those that follow the site's days, and whose last entry the site has."""
    last = ChainDay.newest(site.id)
    number, head = (last.last, last.head) if last else (0, chain.START)
    here = ChainEntry.digests(site.id, [row["last"] for row in rows])
    found = []
    for row in rows:
        follows = (row["first"], row["before"]) == (number + 1, head)
        if follows and here.get(row["last"]) == row["chain_digest"]:
            found.append(row)
            number, head = row["last"], row["head"]
    return found


CONTINUE = {"chain_entry": _following_entries, "chain_day": _following_days}


def continue_chain(site: Site) -> None:
    """Continue the chain of decisions behind the restored entries; decisions without an entry get theirs."""
    entry, (number, _digest) = ChainEntry.newest(site.id), ChainHead.of(name_of(site.id))
    if entry and entry.number > number:
        ChainHead.put(name_of(site.id), entry.number, entry.chain_digest)
    linked = select(ChainEntry.id).where(ChainEntry.decision_id == Decision.id)
    mine = select(Decision.id).where(Decision.site_id == site.id, ~linked.exists()).order_by(Decision.id)
    db.session.flush()
    link(db.session.scalars(mine).all())


def _recompute_author(site: Site, row: Row) -> None:
    row["email_index"] = index = Author.index_of(site, row["email"])
    row["confirmed_index"] = index if row.pop("confirmed") else None
    row["member_index"] = Author.index_of_member(site, row["member_sub"]) if row["member_sub"] else None
    if row.pop("silent") and index:
        Unsubscribe.add(site, index)


def _recompute_comment(site: Site, row: Row) -> None:
    row["address_index"] = Comment.network_index(site, row["address"]) if row["address"] else None
    row["html"] = markup.sanitise(row["html"])


def _recompute_rule(site: Site, row: Row) -> None:
    row["value_index"] = rules.index_of(site, Subject(row["subject"]), row["value"])


def _recompute_revision(_site: Site, row: Row) -> None:
    row["html"] = markup.sanitise(row["html"])


def _recompute_wording(_site: Site, row: Row) -> None:
    row["html"] = markup.render(row["intro"])


RECOMPUTE = {
    "author": _recompute_author,
    "comment": _recompute_comment,
    "rule": _recompute_rule,
    "revision": _recompute_revision,
    "wording": _recompute_wording,
}


def _set_paths(site: Site, rows: list[Row]) -> None:
    """Set tree paths; a comment whose parent is on another page becomes a root."""
    parents = {row["parent_id"] for row in rows if row["parent_id"]}
    found = db.session.execute(select(Comment.id, Comment.thread_id, Comment.path).where(Comment.id.in_(parents)))
    places = {row.id: (row.thread_id, row.path) for row in found}
    for row in rows:
        thread, path = places.get(row["parent_id"], (None, ""))
        if thread != row["thread_id"]:
            row["parent_id"], path = None, ""
        row |= place_of(row["id"], path, site.max_depth) | {"approved_descendants": 0}
        places[row["id"]] = (row["thread_id"], row["path"])


def _count_approved(rows: Sequence[Row]) -> None:
    approved = [row for row in rows if row["status"] == Status.APPROVED]
    comment_counts.add_approved_descendants(Counter(id for row in approved for id in ids_in(row["path"])))
    counts = Counter(row["thread_id"] for row in approved)
    threads = Thread.__table__
    add = update(threads).where(threads.c.id == bindparam("thread"))
    add = add.values(approved_count=threads.c.approved_count + bindparam("count"))
    if counts:
        db.session.connection().execute(add, [{"thread": id, "count": count} for id, count in counts.items()])
