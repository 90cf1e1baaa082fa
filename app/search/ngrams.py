"""A text as its short pieces, by which comments that have a word in them are found without reading all of them."""

import re
from collections.abc import Iterable, Iterator
from operator import add

from app.lib.normal_form import normalised

# Alphabets have few letters: their pairs are in nearly every text, so there it takes three to tell texts apart.
ALPHABETIC = re.compile("[\\0-\u2e7f]+")


def normal(text: str) -> str:
    """What two texts are compared by: half-width and full-width, capital and small letters are the same."""
    return normalised("NFKC", normalised("NFKC", text).casefold())


def words_of(query: str) -> list[str]:
    """What stands between spaces, in normal form."""
    return list(dict.fromkeys(normal(query).split()))


def says(text: str, words: Iterable[str]) -> bool:
    """Whether each of these words (`words_of`) stands somewhere in the text, also within a longer one."""
    said = normal(text)
    return all(word in said for word in words)


def grams(text: str) -> set[str]:
    """Every piece of a text that `needed` may ask for."""
    found: set[str] = set()
    for run in normal(text).split():
        found.update(run, map(add, run, run[1:]), *_triples(run))
    return found


def needed(word: str) -> set[str]:
    """The pieces that a text has which says this word; others may have them too."""
    pairs = set(map(add, word, word[1:]))
    rare = {pair for pair in pairs if not ALPHABETIC.fullmatch(pair)}
    return rare.union(*_triples(word)) or pairs or {word}


def _triples(run: str) -> Iterator[Iterable[str]]:
    for part in [run] if run.isascii() else ALPHABETIC.findall(run):
        yield map(add, map(add, part, part[1:]), part[2:])
