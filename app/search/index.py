"""What search reads instead of the comments: lists of where each piece of text stands, a shelf of ids at a time.

A piece is hashed to one of 262,144 lists, 64 of them to a page. A list holds places on the shelf: as 16-bit numbers,
or, where there are many, as one bit for each place. Pieces that share a list cost a look too many, nothing else.
"""

import zlib
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from struct import pack, unpack, unpack_from

from sqlalchemy import Row, select

from app.database import looking
from app.extensions import db
from app.models import Comment, Shelf, ShelfPage, Unshelved
from app.models.shelf import AT_ONCE, PAGES, SIZE
from app.search.ngrams import grams, needed, words_of

LISTS = 64  # on a page
HEAD = f"<{LISTS}H"  # how many places each list of the page has
HEAD_BYTES = 2 * LISTS
BITS_BYTES = SIZE // 8
MANY = BITS_BYTES // 2  # from here on bits take less room
READ = 1000  # comments in memory at once
BITS = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]
# So many comments are taken out of a shelf that stays; for more it is made again.
FEW = 100
# So many new comments are worth making a shelf anew, which takes a second or two. Until then search reads them.
ENOUGH = 500
# So many pieces of a name are asked for: the longest.
ASKED = 8

Key = tuple[int, int]  # of a list: its page, and its number there


def key_of(piece: str) -> Key:
    return divmod(zlib.crc32(piece.encode("utf-8", "surrogatepass")) % (PAGES * LISTS), LISTS)


# What is no piece of a text stands in lists of its own; the first character is in no text that we keep.


def of_name(piece: str) -> str:
    return f"\x01{piece}"


def of_site(id: int) -> str:
    return f"\x02{id}"


def of_thread(id: int) -> str:
    return f"\x03{id}"


# Making


def due(least: int = 1) -> list[int]:
    """Numbers of the shelves that do not know what `least` of their comments say, the newest first."""
    return sorted((shelf for shelf, count in Unshelved.by_shelf().items() if count >= least), reverse=True)


def stale() -> list[int]:
    """Of the shelves that exist, those that may know what a comment does not say any more."""
    return sorted(set(due()).intersection(Shelf.numbers()))


def make(number: int) -> bool:
    """Make a shelf of what its comments say now, for the caller to commit; False when somebody else just did.

    Reads in a second or two and some tens of megabytes; only the writing holds others up. What changes while it reads
    stays to be shelved. A snapshot would not be better for it, and worse for everybody else: as long as one is open,
    PostgreSQL keeps each version of a row that is written, and who looks for the newest passes all of them.
    """
    with looking():
        # In this order, or the work of somebody who has just made the shelf would be taken for not done.
        seen = Shelf.revision_of(number)
        changed = Unshelved.within(Shelf.ids_of(number))
        places = _places(number)
    if not Shelf.replace(number, _packed(places), seen=seen):
        return False
    Unshelved.settle(changed)
    return True


def forget_changed(number: int) -> None:
    """Take the comments out of a shelf that do not say any more what it knows; commits.

    Search reads these comments themselves until the shelf is made again. Where they are many, that is done at once.
    """
    while True:
        with looking():
            seen = Shelf.revision_of(number)
            ids = list(Unshelved.within(Shelf.ids_of(number)))
            pages = _without(number, ids) if len(ids) <= FEW else {}
        done = Shelf.change(number, pages, seen=seen) if len(ids) <= FEW else make(number)
        db.session.commit()
        if done:
            return


def _without(number: int, ids: list[int]) -> dict[int, bytes]:
    """The pages in which these comments stand, without them."""
    first = Shelf.ids_of(number)[0]
    gone, found = {id - first for id in ids}, {}
    for page in range(0, PAGES, AT_ONCE):
        for (_shelf, at), lists in ShelfPage.of([number], range(page, min(page + AT_ONCE, PAGES))).items():
            if changed := _page_without(lists, gone):
                found[at] = changed
    return found


def _page_without(page: bytes, gone: set[int]) -> bytes:
    """Empty when none of these places is on the page."""
    counts = list(unpack_from(HEAD, page))
    if max(counts) < MANY and not any(pack("<H", place) in page for place in gone):
        return b""
    lists, at, changed = [], HEAD_BYTES, False
    for number, count in enumerate(counts):
        stored = page[at : at + _size(count)]
        at += len(stored)
        if any(_may_have(stored, place) for place in gone):
            counts[number], stored = _list_without(stored, gone)
            changed |= counts[number] != count
        lists.append(stored)
    return pack(HEAD, *counts) + b"".join(lists) if changed else b""


def _size(count: int) -> int:
    return BITS_BYTES if count >= MANY else 2 * count


def _may_have(stored: bytes, place: int) -> bool:
    """Two bytes that lie across two numbers may look like the place."""
    if len(stored) == BITS_BYTES:
        return bool(stored[place >> 3] >> (place & 7) & 1)
    return pack("<H", place) in stored


def _list_without(stored: bytes, gone: set[int]) -> tuple[int, bytes]:
    """How many places are left of a list, and how they are stored."""
    if len(stored) < BITS_BYTES:
        kept = [place for place in unpack(f"<{len(stored) // 2}H", stored) if place not in gone]
        return len(kept), _list(kept)
    bits = bytearray(stored)
    for place in gone:
        bits[place >> 3] &= ~(1 << (place & 7))
    count = int.from_bytes(bits, "little").bit_count()
    return count, bytes(bits) if count >= MANY else _list(sorted(_places_in(bytes(bits))))


def _places(number: int) -> dict[str, "array[int]"]:
    """Where each piece stands, in rising order."""
    ids = Shelf.ids_of(number)
    found: dict[str, array[int]] = defaultdict(lambda: array("H"))
    for id, site, thread, name, body in _said(ids):
        place = id - ids[0]
        for piece in grams(body):
            found[piece].append(place)
        for piece in (of_site(site), of_thread(thread), *map(of_name, grams(name))):
            found[piece].append(place)
    return found


def _said(ids: range) -> Iterator[Row[int, int, int, str, str]]:
    """What these comments say, in their order, some at a time."""
    query = select(Comment.id, Comment.site_id, Comment.thread_id, Comment.name, Comment.body).order_by(Comment.id)
    while ids:
        rows = db.session.execute(query.where(Comment.id.between(ids[0], ids[-1])).limit(READ)).all()
        yield from rows
        ids = range(rows[-1].id + 1, ids.stop) if len(rows) == READ else range(0)


def _packed(places: dict[str, "array[int]"]) -> dict[int, bytes]:
    """The pages, by their numbers. Empties `places` on the way: both together would be twice the memory."""
    pages: dict[int, dict[int, Sequence[int]]] = defaultdict(dict)
    while places:
        piece, found = places.popitem()
        page, number = key_of(piece)
        shared = pages[page].get(number)
        pages[page][number] = sorted({*shared, *found}) if shared else found
    return {number: _page(lists) for number, lists in pages.items()}


def _page(lists: dict[int, Sequence[int]]) -> bytes:
    head = pack(HEAD, *(len(lists.get(number, ())) for number in range(LISTS)))
    return head + b"".join(_list(lists[number]) for number in sorted(lists))


def _list(places: Sequence[int]) -> bytes:
    if len(places) < MANY:
        return pack(f"<{len(places)}H", *places)
    bits = bytearray(BITS_BYTES)
    for place in places:
        bits[place >> 3] |= 1 << (place & 7)
    return bytes(bits)


# Reading


def holding(shelves: Sequence[int], pieces: Iterable[Collection[str]]) -> dict[int, set[int]]:
    """Ids of the comments, by shelf, that may have one piece of each collection; the first is asked for first.

    What was in `shelves` and is not in the answer holds none.
    """
    found: dict[int, set[int]] = {}
    for some in pieces:
        keys = [key_of(piece) for piece in some]
        pages = ShelfPage.of(shelves, {page for page, _number in keys})
        for shelf in shelves:
            lists = [_read(pages.get((shelf, page)), number) for page, number in keys]
            found[shelf] = _among(found[shelf], lists) if shelf in found else set().union(*map(_places_in, lists))
        shelves = [shelf for shelf in shelves if found[shelf]]
    return {shelf: {shelf * SIZE + place for place in found[shelf]} for shelf in shelves}


def all_that_may_have(options: Sequence[Sequence[Collection[str]]]) -> Iterator[int]:
    """Ids of the comments that may have the pieces of one of the options, a shelf at a time; then those that no shelf
    knows yet.
    """
    unknown = set(Unshelved.ids())
    for shelf in sorted(Shelf.numbers()):
        found = set().union(*(holding([shelf], pieces).get(shelf, set()) for pieces in options))
        yield from sorted(found - unknown)
    yield from sorted(unknown)


def options_of_name(name: str) -> list[list[list[str]]]:
    """The pieces that a comment has in its text or its name where this name stands."""
    pieces = sorted({piece for word in words_of(name) for piece in needed(word)}, key=len, reverse=True)[:ASKED]
    return [[[piece] for piece in pieces], [[of_name(piece)] for piece in pieces]]


def options_of(*signs: str) -> list[list[list[str]]]:
    """The same for any of these signs, which are pieces."""
    return [[list(signs)], [[of_name(sign) for sign in signs]]]


def rarest(shelf: int, pieces: Collection[str], limit: int) -> list[str]:
    """Those that stand in the fewest comments of this shelf."""
    keys = {piece: key_of(piece) for piece in pieces}
    pages = ShelfPage.of([shelf], {page for page, _number in keys.values()})
    counts = {piece: _count(pages.get((shelf, page)), number) for piece, (page, number) in keys.items()}
    return sorted(pieces, key=lambda piece: (counts[piece], piece))[:limit]


def _count(page: bytes | None, number: int) -> int:
    return unpack_from(HEAD, page)[number] if page else 0


def _read(page: bytes | None, number: int) -> set[int] | bytes:
    """A list as a set, or as its bits."""
    if page is None:
        return set()
    counts = unpack_from(HEAD, page)
    at = HEAD_BYTES + sum(map(_size, counts[:number]))
    if counts[number] >= MANY:
        return page[at : at + BITS_BYTES]
    return set(unpack_from(f"<{counts[number]}H", page, at))


def _places_in(found: set[int] | bytes) -> set[int]:
    if isinstance(found, set):
        return found
    return {8 * at + bit for at, byte in enumerate(found) for bit in BITS[byte]}


def _among(places: set[int], lists: Collection[set[int] | bytes]) -> set[int]:
    """Those of the places that are in one of the lists."""
    return set().union(*(_both(places, each) for each in lists))


def _both(places: set[int], found: set[int] | bytes) -> set[int]:
    if isinstance(found, set):
        return places & found
    return {place for place in places if found[place >> 3] >> (place & 7) & 1}
