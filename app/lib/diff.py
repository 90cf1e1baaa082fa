"""A diff of two texts for people: by words, and by characters in scripts without spaces."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import takewhile

import regex

from app.lib.grapheme import without_flags

# A word, a number, or white space; any other character by itself, such as kana, kanji and emoji.
TOKEN = regex.compile(r"[\p{L}\p{N}--[\p{Han}\p{Hiragana}\p{Katakana}ー]]+|\s+|\X", flags=regex.V1)
# difflib is cubic with few, often repeated words; longer differences are shown as a whole.
MAX_TOKENS = 1000
# A shorter equal part between two changes, such as a single 「の」, is shown as changed.
MIN_SAME = 2


class Change(StrEnum):
    SAME = "same"
    GONE = "del"
    NEW = "ins"


def between(before: str, after: str) -> list[tuple[Change, str]]:
    """Return the parts of both texts in order; `before` is all but NEW, `after` all but GONE."""
    old, new = _tokens(before), _tokens(after)
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    room = min(len(old), len(new)) - head
    back = zip(reversed(old), reversed(new), strict=False)
    tail = sum(1 for _ in zip(range(room), takewhile(lambda pair: pair[0] == pair[1], back), strict=False))
    parts = [
        (Change.SAME, "".join(old[:head])),
        *_compared(old[head : len(old) - tail], new[head : len(new) - tail]),
        (Change.SAME, "".join(old[len(old) - tail :])),
    ]
    return [(change, text) for change, text in parts if text]


def _tokens(text: str) -> list[str]:
    return [text[found.start() : found.end()] for found in TOKEN.finditer(without_flags(text))]


def _compared(old: list[str], new: list[str]) -> Iterator[tuple[Change, str]]:
    gone, fresh = "", ""
    for same, start, end, new_start, new_end in _runs(old, new):
        if same:
            yield from ((Change.GONE, gone), (Change.NEW, fresh), (Change.SAME, "".join(old[start:end])))
            gone, fresh = "", ""
        else:
            gone, fresh = gone + "".join(old[start:end]), fresh + "".join(new[new_start:new_end])
    yield from ((Change.GONE, gone), (Change.NEW, fresh))


def _runs(old: list[str], new: list[str]) -> Iterator[tuple[bool, int, int, int, int]]:
    if max(len(old), len(new)) > MAX_TOKENS:
        yield False, 0, len(old), 0, len(new)
        return
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new).get_opcodes():
        same = tag == "equal" and len("".join(old[start:end]).strip()) >= MIN_SAME
        yield same, start, end, new_start, new_end
