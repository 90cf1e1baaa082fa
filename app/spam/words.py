"""Find a site's words in a comment: inside CJK text, as whole words elsewhere."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from math import prod
from operator import add
from time import monotonic

import regex

from app.spam.disguise import CONTINUOUS, UNSPACED, Reading, clear_form, fold, narrowed, readings

MAX_WORD = 200
MAX_PATTERN = 300
# Nested counts such as (?:a{5000}){5000} are expanded at compile time, without a time limit.
MOST_REPEATS = 10_000
COUNT = re.compile(r"\{(\d+)")
# For all patterns of a site on one text; an unfinished pattern holds. Each may take half of the rest, so that one slow
# pattern does not disable the others.
PATTERN_SECONDS = 0.05
SHORTEST_TRY = 1e-6  # seconds
SHORTEST_JOINED = 3  # "b u y" is a word, the initials "i d" are not
MOST_MATCHES = 200
# Words that contain each other match many times at each place of a text that repeats them.
MOST_FOUND = 20_000


class Kind(StrEnum):
    WORD = "word"
    PATTERN = "pattern"


@dataclass(frozen=True)
class Rule:
    """A word or pattern of a site's lists. A * at an end of a word matches parts of longer words.

    One that `allows` removes matches of other rules inside its own.
    """

    text: str
    kind: Kind = Kind.WORD
    allows: bool = False


@dataclass(frozen=True)
class Match:
    """A rule and its [start, end) in the text as typed."""

    rule: Rule
    start: int
    end: int


@dataclass(frozen=True)
class Findings:
    """Matches in order, patterns that timed out (they must hold), and the spans that rules allow."""

    matches: list[Match]
    unfinished: list[Rule]
    allowed: list[tuple[int, int]]


class BadRule(ValueError):
    """The rule matches nothing, or its pattern is invalid; `args[0]` is empty, long or pattern."""


class WordList:
    """All rules of one site, compiled."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Raise BadRule for a rule that `check` refuses."""
        self._inside, self._whole = _Index(), _Index()
        self._patterns: list[tuple[Rule, regex.Pattern[str]]] = []
        for rule in rules:
            self._add(rule)

    def find(self, text: str, read: Iterable[Reading] | None = None) -> Findings:
        """`read`: the readings of the text, if they are known. Undoing disguises is the slowest part."""
        found_words = (match for reading in read or readings(text) for match in self._words_in(reading))
        matches = set(islice(found_words, MOST_FOUND))
        by_pattern, unfinished = self._patterns_in(text)
        matches |= by_pattern
        allowed = merged(match for match in matches if match.rule.allows)
        found = outside(allowed, (match for match in matches if not match.rule.allows))
        return Findings(_first(sorted(found, key=_place)), unfinished, allowed)

    def _add(self, rule: Rule) -> None:
        check(rule)
        if rule.kind is Kind.PATTERN:
            self._patterns.append((rule, compiled(rule.text)))
            return
        entry = _Entry.of(rule)
        for form in _forms(entry.text):
            (self._inside if entry.inside else self._whole).add(form, entry)

    def _words_in(self, reading: Reading) -> Iterator[Match]:
        text = reading.text
        starts = None if reading.anywhere or self._whole.is_empty else _word_starts(text)
        for index, places in ((self._inside, None), (self._whole, starts)):
            for start, end, entry in index.find(text, places):
                if _fits(entry, reading, start, end):
                    yield Match(entry.rule, *reading.span(start, end))

    def _patterns_in(self, text: str) -> tuple[set[Match], list[Rule]]:
        if not self._patterns:
            return set(), []
        found, unfinished = set(), []
        reading, deadline = narrowed(text), monotonic() + PATTERN_SECONDS
        for rule, pattern in self._patterns:
            try:
                found |= _pattern_matches(rule, pattern, reading, deadline)
            except TimeoutError:
                unfinished.append(rule)
        return found, unfinished


def check(rule: Rule) -> None:
    """Raise BadRule unless the rule can match something."""
    if len(rule.text) > (MAX_PATTERN if rule.kind is Kind.PATTERN else MAX_WORD):
        raise BadRule("long")
    if rule.kind is Kind.PATTERN:
        compiled(rule.text)
    elif not _Entry.of(rule).text:
        raise BadRule("empty")


def compiled(pattern: str) -> "regex.Pattern[str]":
    """Compile a pattern, ignoring case and width. Raises BadRule if it is invalid or matches the empty text."""
    if prod(int(count) or 1 for count in COUNT.findall(pattern)) > MOST_REPEATS:
        raise BadRule("pattern")
    try:
        found = regex.compile(pattern, regex.IGNORECASE | regex.VERSION1)
        empty = found.search("", timeout=PATTERN_SECONDS)
    except (regex.error, TimeoutError, RecursionError, OverflowError, MemoryError) as error:
        raise BadRule("pattern") from error
    if empty:
        raise BadRule("pattern")
    return found


def marked(text: str, matches: Iterable[Match]) -> list[tuple[str, bool]]:
    """Parts of the text, each with whether a rule matched it."""
    parts, last = [], 0
    for start, end in merged(matches):
        parts += [(text[last:start], False), (text[start:end], True)]
        last = end
    return [part for part in (*parts, (text[last:], False)) if part[0]]


@dataclass(frozen=True)
class _Entry:
    rule: Rule
    text: str
    # Ends that must be word boundaries.
    left: bool
    right: bool

    @classmethod
    def of(cls, rule: Rule) -> "_Entry":
        typed = rule.text.strip()
        text = fold(typed.strip("*"))
        return cls(
            rule,
            text,
            left=_joins(text[:1]) and not typed.startswith("*"),
            right=_joins(text[-1:]) and not typed.endswith("*"),
        )

    @property
    def inside(self) -> bool:
        return not self.left


class _Index:
    """Find which of thousands of words start at a position, by first characters, then by length.

    Two look-ups for a position without a match, and one for each length of words with the same start.
    """

    def __init__(self) -> None:
        self._lengths: dict[str, tuple[int, ...]] = {}
        self._entries: dict[str, list[_Entry]] = {}
        self._letters: set[str] = set()  # one-character words, such as 死

    @property
    def is_empty(self) -> bool:
        return not self._entries

    def add(self, form: str, entry: _Entry) -> None:
        self._entries.setdefault(form, []).append(entry)
        head = form[:2]
        if len(form) == 1:
            self._letters.add(form)
        self._lengths[head] = tuple(sorted({*self._lengths.get(head, ()), len(form)}))

    def find(self, text: str, starts: Iterable[int] | None) -> Iterator[tuple[int, int, _Entry]]:
        if self.is_empty or not text:
            return
        for start in self._beginnings(text, starts):
            head = text[start : start + 2]
            for length in {*self._lengths.get(head, ()), *self._lengths.get(head[0], ())}:
                word = text[start : start + length]
                if len(word) == length:
                    yield from ((start, start + length, entry) for entry in self._entries.get(word, ()))

    def _beginnings(self, text: str, starts: Iterable[int] | None) -> list[int]:
        lengths = self._lengths
        if starts is not None:
            return [at for at in starts if text[at : at + 2] in lengths or text[at] in lengths]
        found = [at for at, head in enumerate(map(add, text, text[1:])) if head in lengths]
        if self._letters:
            return sorted({*found, *(at for at, letter in enumerate(text) if letter in self._letters)})
        return found


def _forms(text: str) -> set[str]:
    """The folded word, and its mixed spelling unless that is another word."""
    clear = clear_form(text)
    return {text} if clear.isascii() else {text, clear}


def _word_starts(text: str) -> list[int]:
    return [found.start() for found in _JOINING.finditer(text)]


def _fits(entry: _Entry, reading: Reading, start: int, end: int) -> bool:
    if reading.anywhere:
        return end - start >= SHORTEST_JOINED
    text = reading.text
    return not (entry.left and start and _joins(text[start - 1])) and not (entry.right and _joins(text[end : end + 1]))


def _joins(char: str) -> bool:
    """True if the character joins its neighbour in a word; kana and hanzi do not."""
    return char.isalnum() and not CONTINUOUS.match(char)


def _pattern_matches(rule: Rule, pattern: "regex.Pattern[str]", reading: Reading, deadline: float) -> set[Match]:
    left = max((deadline - monotonic()) / 2, SHORTEST_TRY)
    places = set()
    for found in pattern.finditer(reading.text, timeout=left):
        if found.end() > found.start():
            places.add(Match(rule, *reading.span(found.start(), found.end())))
        if len(places) >= MOST_MATCHES:
            break
    return places


def _first(matches: list[Match]) -> list[Match]:
    """The first ones, and one of each other rule: a word that is repeated hides no other one."""
    shown = matches[:MOST_MATCHES]
    others: dict[Rule, Match] = {}
    for match in matches[MOST_MATCHES:]:
        others.setdefault(match.rule, match)
    known = {match.rule for match in shown}
    return [*shown, *(match for rule, match in others.items() if rule not in known)]


def outside(spans: list[tuple[int, int]], matches: Iterable[Match]) -> list[Match]:
    """Without the matches inside one of these spans, which are merged."""
    starts = [start for start, _end in spans]
    return [match for match in matches if not _is_within(match, spans, starts)]


def _is_within(match: Match, spans: list[tuple[int, int]], starts: list[int]) -> bool:
    before = bisect_right(starts, match.start)
    return before > 0 and match.end <= spans[before - 1][1]


def merged(matches: Iterable[Match], more: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """Their spans and some more, in order and without overlaps."""
    spans: list[tuple[int, int]] = []
    for start, end in sorted({*((match.start, match.end) for match in matches), *more}):
        if spans and start < spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _place(match: Match) -> tuple[int, int, str]:
    return match.start, match.end, match.rule.text


# Runs of joining letters; kana and hanzi separate them like a space.
_JOINING = re.compile(rf"[^\W_{UNSPACED}]+")
