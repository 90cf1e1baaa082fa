"""Overwrite unallocated bytes of an SQLite file: copies of rows that moved to another page.

VACUUM would rewrite the whole file. This writes unallocated bytes only, by the file format
(https://www.sqlite.org/fileformat2.html), with SQLite's write lock and an empty WAL.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from struct import unpack, unpack_from
from typing import NamedTuple

TRIES = 5
WAIT_S = 15
TREES = {2: 12, 5: 12, 10: 8, 13: 8}  # kinds of b-tree pages, and the bytes of their header
# Below this number of pages, no overflow page starts like a b-tree page: it starts with a page number.
MOST_PAGES = 0x02000000
AT_ONCE = 1024  # pages in memory


class UnknownLayout(Exception):
    """Unsupported layout: use VACUUM."""


class Header(NamedTuple):
    """Page size, usable bytes of a page, number of pages, first page of the free list."""

    size: int
    usable: int
    pages: int
    free: int


def overwrite(path: Path) -> bool:
    """Zero all unallocated bytes; False if others use the file. Raises UnknownLayout before any write.

    Closing the file drops this process's POSIX locks: the caller must have no other connection in use.
    """
    with ExitStack() as stack:
        file = stack.enter_context(path.open("r+b", buffering=0))  # closed last
        connection = stack.enter_context(closing(sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)))
        if not _locked(connection, path.with_name(f"{path.name}-wal")):
            return False
        for start, length in list(_dead(file.fileno())):
            os.pwrite(file.fileno(), bytes(length), start)
        # Makes other connections drop cached pages, which contain the same bytes.
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
        os.fsync(file.fileno())
    return True


def _locked(connection: sqlite3.Connection, log: Path) -> bool:
    """Take the write lock with an empty WAL: the file is complete, and only this process writes it."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        raise UnknownLayout("journal_mode is not WAL")
    for _attempt in range(TRIES):
        try:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            continue
        if not busy and not (log.exists() and log.stat().st_size):
            return True
        connection.execute("ROLLBACK")
    return False


def _dead(file: int) -> Iterator[tuple[int, int]]:
    """Offset and length of unallocated non-zero bytes. The first page contains only the schema."""
    header = _header(file)
    free = dict(_free_pages(file, header))
    for first in range(2, header.pages + 1, AT_ONCE):
        offset = (first - 1) * header.size
        chunk = os.pread(file, AT_ONCE * header.size, offset)
        for at in range(0, len(chunk), header.size):
            page = chunk[at : at + header.size]
            unused = free.get((offset + at) // header.size + 1)
            for start, end in _gaps(page, header.usable) if unused is None else [(unused, header.size)]:
                if page[start:end].strip(b"\0"):
                    yield offset + at + start, end - start


def _header(file: int) -> Header:
    first = os.pread(file, 100, 0)
    size = unpack_from(">H", first, 16)[0]
    size = 65536 if size == 1 else size
    pages, free, pointers = (unpack_from(">I", first, at)[0] for at in (28, 32, 52))
    if pointers or pages >= MOST_PAGES or pages * size != os.fstat(file).st_size:
        raise UnknownLayout("auto_vacuum, or of another size than it says")
    return Header(size, size - first[20], pages, free)


def _free_pages(file: int, header: Header) -> Iterator[tuple[int, int]]:
    """Free pages with the start of their unused part; trunk pages list other pages."""
    trunk, seen = header.free, set[int]()
    while trunk:
        if trunk in seen or trunk > header.pages:
            raise UnknownLayout("free list")
        seen.add(trunk)
        page = os.pread(file, header.size, (trunk - 1) * header.size)
        after, count = unpack_from(">II", page)
        if count > header.size // 4 - 2:
            raise UnknownLayout("free list")
        yield trunk, 8 + 4 * count
        yield from ((leaf, 0) for leaf in unpack_from(f">{count}I", page, 8))
        trunk = after


def _gaps(page: bytes, usable: int) -> Iterator[tuple[int, int]]:
    head = TREES.get(page[0])
    if head is None:
        return
    block, cells, content = unpack(">HHH", page[1:7])
    start, content = head + 2 * cells, content or 65536
    if not start <= content <= usable:
        raise UnknownLayout("b-tree page")
    yield start, content
    while block:
        after, size = unpack_from(">HH", page, block) if content <= block <= usable - 4 else (0, 0)
        if size < 4 or block + size > usable or 0 < after < block + size:
            raise UnknownLayout("free block")
        yield block + 4, block + size
        block = after
