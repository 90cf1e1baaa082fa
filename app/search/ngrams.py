"""Split text into n-grams for the index."""

import re
from collections.abc import Iterable, Iterator
from operator import add

from app.lib.normal_form import normalised

# Triples, because nearly every text contains a given pair of alphabetic characters.
ALPHABETIC = re.compile("[\\0-\u2e7f]+")


def normal(text: str) -> str:
    """Ignores width and case."""
    return normalised("NFKC", normalised("NFKC", text).casefold())


def words_of(query: str) -> list[str]:
    """Normalised words of a query, without duplicates."""
    return list(dict.fromkeys(normal(query).split()))


def contains(text: str, words: Iterable[str]) -> bool:
    """True if the text contains every word of `words_of`, also inside longer words."""
    normalised_text = normal(text)
    return all(word in normalised_text for word in words)


def ngrams_of(text: str) -> set[str]:
    """N-grams of a text that `required_ngrams` may require."""
    found: set[str] = set()
    for run in normal(text).split():
        found.update(run, map(add, run, run[1:]), *_triples(run))
    return found


def required_ngrams(word: str) -> set[str]:
    """N-grams of every text that contains this word."""
    pairs = set(map(add, word, word[1:]))
    rare = {pair for pair in pairs if not ALPHABETIC.fullmatch(pair)}
    return rare.union(*_triples(word)) or pairs or {word}


def _triples(run: str) -> Iterator[Iterable[str]]:
    for part in [run] if run.isascii() else ALPHABETIC.findall(run):
        yield map(add, map(add, part, part[1:]), part[2:])
