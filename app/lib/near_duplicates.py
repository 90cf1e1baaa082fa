"""Near-duplicate texts share keys, which group the variants of a flood."""

import hashlib
import re
from functools import lru_cache
from heapq import nsmallest
from zlib import crc32

from app.lib.text import fold, link_spans

# Spammers vary numbers, punctuation, spaces and emoji.
VARIED = re.compile(r"[\W\d_]+")
# Longer than the phrases that unlike texts have in common.
SHINGLE = 16  # characters
# Shorter texts have too few shingles; their key is a hash of all characters.
SHORT = 24  # characters
LONGEST = 2000  # characters after folding
FOLDED = 2 * LONGEST  # characters before folding, and of these after they have grown
KEYS = 2


# A comment asks for them three times.
@lru_cache(maxsize=4)
def keys_of(text: str) -> tuple[str, ...]:
    """Return up to `KEYS` keys of 16 hexadecimal digits, of which near-duplicates share some; none without letters.

    Links, numbers, punctuation, spaces, case, width and kana make no difference. A short text has one key, a hash of
    it all. The keys of a longer one are its smallest hashes of shingles (a bottom-k sketch, Broder 1997): the first key
    of a text is among those of its near-duplicate with about the share of shingles that both have, wherever the rest of
    them differs.
    """
    letters = _folded(text)[:LONGEST]
    if not letters:
        return ()
    marks = [letters] if len(letters) < SHORT else list(map(str, _smallest(letters)))
    return tuple(hashlib.blake2b(mark.encode(), digest_size=8).hexdigest() for mark in marks)


def key_of(text: str) -> str:
    """The first key, or ''."""
    return next(iter(keys_of(text)), "")


def is_short(text: str) -> bool:
    """True if the key is a hash of the whole text: two people often write the same few words."""
    return len(_folded(text)) < SHORT


@lru_cache(maxsize=4)
def _folded(text: str) -> str:
    kept, last = [], 0
    for start, end in link_spans(text, bare=True):
        kept.append(text[last:start])
        last = end
    return VARIED.sub("", fold("".join([*kept, text[last:]])[:FOLDED], FOLDED))


def _smallest(letters: str) -> list[int]:
    shingles = {letters[at : at + SHINGLE].encode() for at in range(len(letters) - SHINGLE + 1)}
    return nsmallest(KEYS, map(crc32, shingles))
