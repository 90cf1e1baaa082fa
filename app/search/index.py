"""The n-gram index: posting lists in segments of consecutive comment ids.

An n-gram is hashed to one of 262,144 lists, 64 in a page. A list holds 16-bit positions in the segment, or a bit map if
that is smaller. N-grams that share a list cause false positives, never false negatives.
"""

import zlib
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from struct import pack, unpack, unpack_from

from sqlalchemy import Row, select

from app.database import autocommit_reads
from app.extensions import db
from app.models import Comment, DirtyComment, SearchSegment, SegmentPage
from app.models.search_segment import AT_ONCE, PAGES, SIZE
from app.search.ngrams import ngrams_of, required_ngrams, words_of

LISTS = 64  # in a page
HEAD = f"<{LISTS}H"  # the length of each list in the page
HEAD_BYTES = 2 * LISTS
BITMAP_BYTES = SIZE // 8
DENSE = BITMAP_BYTES // 2  # above, a bit map is smaller
BATCH = 1000  # comments in memory
BITS = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]
# Up to this number, comments are removed from a segment; above it, the segment is rebuilt.
MAX_REMOVED = 100
# Rebuilding takes a second or two; fewer dirty comments are read by the search instead.
WORTH_BUILDING = 500
# N-grams that are looked up for a name: the longest.
MAX_NGRAMS = 8

Key = tuple[int, int]  # page, and list in it


def list_of(ngram: str) -> Key:
    return divmod(zlib.crc32(ngram.encode("utf-8", "surrogatepass")) % (PAGES * LISTS), LISTS)


# Names, sites and threads have their own lists. No stored text contains the first character.


def name_key(ngram: str) -> str:
    return f"\x01{ngram}"


def site_key(id: int) -> str:
    return f"\x02{id}"


def thread_key(id: int) -> str:
    return f"\x03{id}"


# Building


def dirty_segments(least: int = 1) -> list[int]:
    """Segments with at least `least` dirty comments, newest first."""
    return sorted((segment for segment, count in DirtyComment.by_segment().items() if count >= least), reverse=True)


def stale_segments() -> list[int]:
    """Existing segments that may contain changed or erased text."""
    return sorted(set(dirty_segments()).intersection(SearchSegment.numbers()))


def build(number: int) -> bool:
    """Build a segment, for the caller to commit; False if another process just did.

    Takes a second or two and tens of megabytes; only the write blocks others. Comments that change meantime stay dirty.
    Without a snapshot, which would keep old row versions on PostgreSQL and slow down queries for the newest rows.
    """
    with autocommit_reads():
        # In this order, or a segment that was just built by another process would be marked dirty.
        seen = SearchSegment.revision_of(number)
        changed = DirtyComment.within(SearchSegment.ids_of(number))
        positions = _positions(number)
    if not SearchSegment.replace(number, _packed(positions), seen=seen):
        return False
    DirtyComment.clear(changed)
    return True


def remove_dirty(number: int) -> None:
    """Remove dirty comments from a segment, or rebuild it if there are many; commits.

    Search reads these comments directly until the segment is rebuilt.
    """
    while True:
        with autocommit_reads():
            seen = SearchSegment.revision_of(number)
            ids = list(DirtyComment.within(SearchSegment.ids_of(number)))
            pages = _without(number, ids) if len(ids) <= MAX_REMOVED else {}
        done = SearchSegment.change(number, pages, seen=seen) if len(ids) <= MAX_REMOVED else build(number)
        db.session.commit()
        if done:
            return


def _without(number: int, ids: list[int]) -> dict[int, bytes]:
    first = SearchSegment.ids_of(number)[0]
    gone, found = {id - first for id in ids}, {}
    for page in range(0, PAGES, AT_ONCE):
        for (_segment, at), lists in SegmentPage.of([number], range(page, min(page + AT_ONCE, PAGES))).items():
            if changed := _page_without(lists, gone):
                found[at] = changed
    return found


def _page_without(page: bytes, gone: set[int]) -> bytes:
    counts = list(unpack_from(HEAD, page))
    if max(counts) < DENSE and not any(pack("<H", position) in page for position in gone):
        return b""
    lists, at, changed = [], HEAD_BYTES, False
    for number, count in enumerate(counts):
        stored = page[at : at + _size(count)]
        at += len(stored)
        if any(_may_contain(stored, position) for position in gone):
            counts[number], stored = _list_without(stored, gone)
            changed |= counts[number] != count
        lists.append(stored)
    return pack(HEAD, *counts) + b"".join(lists) if changed else b""


def _size(count: int) -> int:
    return BITMAP_BYTES if count >= DENSE else 2 * count


def _may_contain(stored: bytes, position: int) -> bool:
    """May be a false positive: two bytes across two numbers can match."""
    if len(stored) == BITMAP_BYTES:
        return bool(stored[position >> 3] >> (position & 7) & 1)
    return pack("<H", position) in stored


def _list_without(stored: bytes, gone: set[int]) -> tuple[int, bytes]:
    if len(stored) < BITMAP_BYTES:
        kept = [position for position in unpack(f"<{len(stored) // 2}H", stored) if position not in gone]
        return len(kept), _list(kept)
    bits = bytearray(stored)
    for position in gone:
        bits[position >> 3] &= ~(1 << (position & 7))
    count = int.from_bytes(bits, "little").bit_count()
    return count, bytes(bits) if count >= DENSE else _list(sorted(_positions_in(bytes(bits))))


def _positions(number: int) -> dict[str, "array[int]"]:
    ids = SearchSegment.ids_of(number)
    found: dict[str, array[int]] = defaultdict(lambda: array("H"))
    for id, site, thread, name, body in _comments(ids):
        position = id - ids[0]
        for ngram in ngrams_of(body):
            found[ngram].append(position)
        for ngram in (site_key(site), thread_key(thread), *map(name_key, ngrams_of(name))):
            found[ngram].append(position)
    return found


def _comments(ids: range) -> Iterator[Row[int, int, int, str, str]]:
    query = select(Comment.id, Comment.site_id, Comment.thread_id, Comment.name, Comment.body).order_by(Comment.id)
    while ids:
        rows = db.session.execute(query.where(Comment.id.between(ids[0], ids[-1])).limit(BATCH)).all()
        yield from rows
        ids = range(rows[-1].id + 1, ids.stop) if len(rows) == BATCH else range(0)


def _packed(positions: dict[str, "array[int]"]) -> dict[int, bytes]:
    """Pages by number. Empties `positions`, to save memory."""
    pages: dict[int, dict[int, Sequence[int]]] = defaultdict(dict)
    while positions:
        ngram, found = positions.popitem()
        page, number = list_of(ngram)
        shared = pages[page].get(number)
        pages[page][number] = sorted({*shared, *found}) if shared else found
    return {number: _page(lists) for number, lists in pages.items()}


def _page(lists: dict[int, Sequence[int]]) -> bytes:
    head = pack(HEAD, *(len(lists.get(number, ())) for number in range(LISTS)))
    return head + b"".join(_list(lists[number]) for number in sorted(lists))


def _list(positions: Sequence[int]) -> bytes:
    if len(positions) < DENSE:
        return pack(f"<{len(positions)}H", *positions)
    bits = bytearray(BITMAP_BYTES)
    for position in positions:
        bits[position >> 3] |= 1 << (position & 7)
    return bytes(bits)


# Reading


def candidates(segments: Sequence[int], ngrams: Iterable[Collection[str]]) -> dict[int, set[int]]:
    """Ids by segment that may contain one n-gram of each collection; the first collection is looked up first.

    A segment without an entry contains no match.
    """
    found: dict[int, set[int]] = {}
    for alternatives in ngrams:
        keys = [list_of(ngram) for ngram in alternatives]
        pages = SegmentPage.of(segments, {page for page, _number in keys})
        for segment in segments:
            lists = [_read(pages.get((segment, page)), number) for page, number in keys]
            found[segment] = (
                _in_any(found[segment], lists) if segment in found else set().union(*map(_positions_in, lists))
            )
        segments = [segment for segment in segments if found[segment]]
    return {segment: {segment * SIZE + position for position in found[segment]} for segment in segments}


def all_candidates(options: Sequence[Sequence[Collection[str]]]) -> Iterator[int]:
    """Ids that may match one of the options, segment by segment; then dirty comments."""
    dirty = set(DirtyComment.ids())
    for segment in sorted(SearchSegment.numbers()):
        found = set().union(*(candidates([segment], ngrams).get(segment, set()) for ngrams in options))
        yield from sorted(found - dirty)
    yield from sorted(dirty)


def options_of_name(name: str) -> list[list[list[str]]]:
    """N-grams of a name, in the text or the author's name."""
    ngrams = sorted({ngram for word in words_of(name) for ngram in required_ngrams(word)}, key=len, reverse=True)[
        :MAX_NGRAMS
    ]
    return [[[ngram] for ngram in ngrams], [[name_key(ngram)] for ngram in ngrams]]


def options_of(*signs: str) -> list[list[list[str]]]:
    """The same for signs that are n-grams themselves."""
    return [[list(signs)], [[name_key(sign) for sign in signs]]]


def rarest(segment: int, ngrams: Collection[str], limit: int) -> list[str]:
    keys = {ngram: list_of(ngram) for ngram in ngrams}
    pages = SegmentPage.of([segment], {page for page, _number in keys.values()})
    counts = {ngram: _count(pages.get((segment, page)), number) for ngram, (page, number) in keys.items()}
    return sorted(ngrams, key=lambda ngram: (counts[ngram], ngram))[:limit]


def _count(page: bytes | None, number: int) -> int:
    return unpack_from(HEAD, page)[number] if page else 0


def _read(page: bytes | None, number: int) -> set[int] | bytes:
    if page is None:
        return set()
    counts = unpack_from(HEAD, page)
    at = HEAD_BYTES + sum(map(_size, counts[:number]))
    if counts[number] >= DENSE:
        return page[at : at + BITMAP_BYTES]
    return set(unpack_from(f"<{counts[number]}H", page, at))


def _positions_in(found: set[int] | bytes) -> set[int]:
    if isinstance(found, set):
        return found
    return {8 * at + bit for at, byte in enumerate(found) for bit in BITS[byte]}


def _in_any(positions: set[int], lists: Collection[set[int] | bytes]) -> set[int]:
    return set().union(*(_intersection(positions, each) for each in lists))


def _intersection(positions: set[int], found: set[int] | bytes) -> set[int]:
    if isinstance(found, set):
        return positions & found
    return {position for position in positions if found[position >> 3] >> (position & 7) & 1}
