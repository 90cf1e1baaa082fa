"""Move threads to new URLs and merge them; the old URLs become aliases."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from flask_babel import gettext as _
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.errors import Refused
from app.extensions import db
from app.lib.text import excerpt, own_id_of
from app.lib.urls import canonical, is_allowed, page_key
from app.models import (
    Announcement,
    Comment,
    Pick,
    Site,
    Subscription,
    Thread,
    ThreadAlias,
    ThreadChange,
    comment_counts,
)
from app.models.alias import LONGEST_KEY
from app.models.thread import Named
from app.moderation import articles
from app.notify import events
from app.transfer.fields import legible

# Lock timeout on PostgreSQL, and number of attempts.
LOCK_TIMEOUT_MS, ATTEMPTS = 500, 20
LOCK_NOT_AVAILABLE = "55P03"  # SQLSTATE
BATCH = 500  # pages in a query
SHOWN = 200  # characters of a refused line
OWN_ID = "id:"  # prefix of the key of a page with its own id (data-thread)


class Outcome(StrEnum):
    MOVED = "moved"
    MERGED = "merged"  # the new page had comments
    SAME = "same"  # both addresses are the same page
    MISSING = "missing"  # no comments at the old address
    TAKEN = "taken"  # the new page has comments, and `merge` is off
    TWICE = "twice"  # the old page is in the list twice
    WRONG_OLD = "wrong old address"
    WRONG_NEW = "no page of this site"


REFUSED = frozenset({Outcome.TAKEN, Outcome.TWICE, Outcome.WRONG_OLD, Outcome.WRONG_NEW})


@dataclass
class Move:
    """A move and its outcome; `comments` counts moved ones in any status."""

    old: str
    new: str
    outcome: Outcome = Outcome.MISSING
    comments: int = 0
    key: str = ""


def pairs_of(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Old and new addresses from CSV lines, with or without a header `old,new`. Raises Refused."""
    try:
        rows = [row for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    except (csv.Error, UnicodeDecodeError) as error:
        raise Refused("no_table", _("This isn’t a CSV file in UTF-8.")) from error
    if rows and [cell.strip().lower() for cell in rows[0][:2]] == ["old", "new"]:
        del rows[0]
    for number, row in enumerate(rows, 1):
        if len(row) < 2:
            short = excerpt(row[0], SHOWN)
            raise Refused("no_table", _("Line %(num)d has no new URL: %(line)s", num=number, line=short))
    return [(row[0], row[1]) for row in rows]


def remap(site: Site, pairs: Iterable[tuple[str, str]], *, merge: bool = True) -> list[Move]:
    """Give pages of `site` new addresses, all in the caller's transaction; they can swap.

    Addresses are URLs, paths of the site, or id:… for pages with their own id. The old address becomes an alias, unless
    another page moves there.
    """
    given = [(old.strip(), new.strip()) for old, new in pairs]
    for _attempt in range(ATTEMPTS - 1):
        try:
            with db.session.begin_nested():
                return _remapped(site, given, merge=merge)
        except OperationalError as trouble:
            # Rolling back to the savepoint releases our locks, so others can finish.
            if getattr(trouble.orig, "sqlstate", "") != LOCK_NOT_AVAILABLE:
                raise
            # The savepoint has undone the temporary keys.
            db.session.expire_all()
    return _remapped(site, given, merge=merge)


def _remapped(site: Site, given: list[tuple[str, str]], *, merge: bool) -> list[Move]:
    moves = [Move(old, new) for old, new in given]
    _limit_waiting()
    possible = _possible_moves(site, moves)
    Thread.lock_all([thread.id for thread, _move in possible])
    left = {thread.id: thread.key for thread, _move in possible}
    for thread, _move in possible:
        # A temporary key, so that the next page can take its key.
        thread.rename(f"moving:{thread.id}")
    arrived = [
        (_move_comments(site, thread, move, left[thread.id], merge=merge), left[thread.id]) for thread, move in possible
    ]
    for thread, key in arrived:
        _add_alias(site, thread, key)
    return moves


def thread_at(site: Site, address: str) -> Thread | None:
    key = _key(site, address.strip())
    return Thread.for_page(site, key) if key else None


def obtain_thread(site: Site, address: str) -> Thread:
    """The thread of a page, inserted if it has no comments yet. Raises Refused for an address of another site."""
    address = address.strip()
    key, whole = _new_key(site, address), _whole(site, address)
    if not key:
        raise Refused("wrong_page", _("This URL doesn’t belong to this site."), field="url", status=422)
    if thread := Thread.for_page(site, key):
        return thread
    url = "" if address.startswith(OWN_ID) else canonical(whole)
    return Thread.obtain(site, key=key, url=url, named_by=Named.HAND if url else Named.NOBODY)


def _limit_waiting() -> None:
    """Decisions lock the comment, then the thread; a move locks in reverse.

    PostgreSQL detects the deadlock after a second; a move gives up earlier.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))


def _possible_moves(site: Site, moves: list[Move]) -> list[tuple[Thread, Move]]:
    begun: dict[int, tuple[Thread, Move]] = {}
    keys = [_key(site, move.old) for move in moves]
    threads = _threads(site, [key for key in keys if key])
    for move, old in zip(moves, keys, strict=True):
        move.key, thread = _new_key(site, move.new), threads.get(old)
        if not old or not move.key:
            move.outcome = Outcome.WRONG_NEW if old else Outcome.WRONG_OLD
        elif thread and thread.id in begun:
            move.outcome = Outcome.SAME if begun[thread.id][1].key == move.key else Outcome.TWICE
        elif thread and thread.key == move.key:
            move.outcome = Outcome.SAME
        elif thread:
            begun[thread.id] = thread, move
    return list(begun.values())


def _threads(site: Site, keys: list[str]) -> dict[str, Thread]:
    found: dict[str, Thread] = {}
    for at in range(0, len(keys), BATCH):
        found |= Thread.for_pages(site, keys[at : at + BATCH])
    return found


def _move_comments(site: Site, thread: Thread, move: Move, left: str, *, merge: bool) -> Thread:
    there = Thread.for_page(site, move.key)
    move.comments = comment_counts.by_thread([thread.id]).get(thread.id, 0)
    if there is None or there.id == thread.id:
        ThreadAlias.forget(site.id, move.key)
        thread.rename(move.key, _address(site, move.new))
        thread.follow_path()
        events.thread_changed(thread, "moved")
        move.outcome = Outcome.MOVED
    elif not merge:
        thread.rename(left)
        move.outcome = Outcome.TAKEN
    else:
        _merge(thread, there)
        move.outcome = Outcome.MERGED
        return there
    return thread


def _merge(thread: Thread, into: Thread) -> None:
    Thread.lock_all([into.id])
    approved = thread.approved_count
    Comment.move_all(thread, into)
    Subscription.move_all(thread, into)
    Announcement.move_all(thread, into)
    ThreadChange.move_all(thread, into)
    articles.follow_merge(thread, into)
    Pick.drop_surplus(into)
    ThreadAlias.repoint(thread.id, into.id)
    db.session.delete(thread)
    db.session.flush()
    into.changed(approved=approved)
    if not into.is_named or not into.started_at:
        into.change(**into.missing_of(thread))
    db.session.refresh(into)
    events.thread_changed(into, "merged")


def _add_alias(site: Site, thread: Thread, left: str) -> None:
    """Make the old URL an alias, unless another page has it."""
    there = Thread.for_page(site, left)
    if there is None or there.key != left:
        ThreadAlias.point(site.id, left, thread.id)


def _new_key(site: Site, address: str) -> str:
    if address.startswith(OWN_ID):
        return _new_own_key(site, address)
    return _key(site, address) if is_allowed(_whole(site, address), site.origins) else ""


def _new_own_key(site: Site, address: str) -> str:
    """As pages send it, else no page would find its comments; or that of a thread, which an import may have written."""
    own_id, known = own_id_of(address.removeprefix(OWN_ID)), _key(site, address)
    sent = f"{OWN_ID}{own_id}" if own_id else ""
    return known if own_id and known != sent and Thread.for_page(site, known) else sent


def _key(site: Site, address: str) -> str:
    if address.startswith(OWN_ID):
        return legible(address)[:LONGEST_KEY]
    try:
        key = page_key(_whole(site, address))
    except ValueError:
        return ""
    return key if len(key) <= LONGEST_KEY else ""


def _address(site: Site, new: str) -> str | None:
    """The URL to show; a page with its own id keeps its URL."""
    return None if new.startswith(OWN_ID) else canonical(_whole(site, new))


def _whole(site: Site, address: str) -> str:
    return site.origins[0] + address if address.startswith("/") and site.origins else address
