"""No function that a stranger's text reaches takes more time than in proportion to its length."""

import re
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import thread_time
from types import SimpleNamespace
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from app.lib import diff, grapheme, markup, near_duplicates, normal_form, personal_data, redact, script, text, urls
from app.notify import webhook_formats
from app.screening import hosts, signs
from app.screening.urgent_words import HARMLESS, LEGAL, THREATS
from app.search import ngrams
from app.spam import disguise, features, words
from app.transfer import bodies
from tests.growth import seconds
from tests.hostile import SHAPES

# Code points of the longest comment.
LONGEST = 40_000
# Quadratic time is visible at an eighth of that.
SAMPLE = 5_000
TRIES = 3
# Linear work takes 4 times as long for 4 times the text, quadratic work 16. A doubling may take 2.5.
MORE, MOST = 4, 2.5 * 2.5
# Shorter times are noise on a busy machine.
SHORTEST_S = 0.008
MOST_S = 0.1

own_words = words.WordList(
    [words.Rule(each) for each in THREATS + LEGAL] + [words.Rule(each, allows=True) for each in HARMLESS]
)


def quietly(function: Callable[[str], object]) -> Callable[[str], None]:
    """Invalid URLs are refused."""

    def call(given: str) -> None:
        with suppress(ValueError):
            function(given)

    return call


def _named(given: str) -> list[hosts.HostMention]:
    comment: Any = SimpleNamespace(body=given, website="")
    return hosts.hosts_in(comment)


def _beside_itself(given: str) -> object:
    return diff.between(given, f"x{given[::-1]}")


def _in_a_log(given: str) -> str:
    return redact.scrubbed(given)


FUNCTIONS: dict[str, Callable[[str], object]] = {
    "clean_line": text.clean_line,
    "clean_body": text.clean_body,
    "excerpt": lambda given: text.excerpt(given, 160),
    "is_blank": text.is_blank,
    "fold": text.fold,
    # Not from the cache.
    "links_in": text._links.__wrapped__,
    "graphemes": grapheme.count,
    "normalised": lambda given: normal_form.normalised("NFKD", given),
    "render": markup.render,
    "sanitise": lambda given: markup.sanitise(given, newlines=True),
    "adapt": bodies.adapt,
    "plain": lambda given: markup.plain(markup.render(given)),
    "marked": lambda given: markup.marked(markup.render(given), [given[:200], given[:100], "a"]),
    "key_of": near_duplicates.key_of,
    "foreign_script": lambda given: script.foreign_script(given, ["ja", "en"]),
    "telephone numbers": personal_data.phone_numbers,
    "postal addresses": personal_data.postal_addresses,
    "My Numbers": personal_data.my_numbers,
    "email addresses": personal_data.email_addresses,
    "short links": lambda given: list(signs.SHORT_LINK.finditer(given)),
    "grams": ngrams.ngrams_of,
    "says": lambda given: ngrams.contains(given, ["zz"]),
    "needed": lambda given: ngrams.required_ngrams(given),
    "changes": _beside_itself,
    "scrubbed": _in_a_log,
    "readings": disguise.readings,
    "narrowed": disguise.narrowed,
    "words": own_words.find,
    "slots": lambda given: features.slots(features.Example(given, name=given)),
    "hosts": _named,
    "host_of": urls.host_of,
    "safe_href": urls.safe_href,
    "clean_website": quietly(urls.clean_website),
    "page_key of a path": quietly(lambda given: urls.page_key.__wrapped__(f"https://paper.example/{given}")),
    "page_key of a query": quietly(lambda given: urls.page_key.__wrapped__(f"https://paper.example/?{given}")),
    "page_key of a host": quietly(lambda given: urls.page_key.__wrapped__(f"https://{given}/")),
    "is_allowed": lambda given: urls.is_allowed(given, ["https://paper.example"]),
    "readable": hosts.readable,
    "in a chat": lambda given: webhook_formats._discord_escaped(webhook_formats.defused(given)),
    "looks_like_another": lambda given: hosts.looks_like_another(given, ["paper.example"]),
}
# Each added character expands to up to 18: half of the length is enough.
GROWING = ("fold", "grams", "says", "needed")


def grows(function: Callable[[str], object], shape: str, longest: int) -> tuple[float, float]:
    """CPU seconds for a quarter of the longest text, and for all of it."""
    whole = SHAPES[shape](longest)
    return seconds(function, whole[: longest // MORE]), seconds(function, whole)


def is_straight(less: float, more: float) -> bool:
    return more < SHORTEST_S or more < MOST * max(less, SHORTEST_S / MORE)


def is_quick(function: Callable[[str], object], text: str) -> bool:
    """Most functions are fast, and need no comparison."""
    started = thread_time()
    function(text)
    return thread_time() - started < SHORTEST_S


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_shape_of_text_takes_more_than_in_proportion(name: str) -> None:
    wrong = {}
    for shape in SHAPES:
        if is_quick(FUNCTIONS[name], SHAPES[shape](SAMPLE)):
            continue
        # A slow function is slow again; noise of a busy machine is not.
        tries = [grows(FUNCTIONS[name], shape, SAMPLE)]
        while not is_straight(*tries[-1]) and len(tries) < TRIES:
            tries.append(grows(FUNCTIONS[name], shape, SAMPLE))
        if not is_straight(*tries[-1]):
            wrong[shape] = [round(1000 * each, 1) for each in tries[-1]]
    assert not wrong, f"milliseconds for a quarter and for the whole: {wrong}"


@pytest.mark.torture
def test_every_shape_at_the_longest(capsys: pytest.CaptureFixture[str]) -> None:
    """Prints the table: function, shape, milliseconds at a quarter and at the longest text."""
    wrong, rows = [], []
    for name, function in FUNCTIONS.items():
        for shape in SHAPES:
            less, more = grows(function, shape, LONGEST)
            rows.append(f"{name:22} {shape:36} {1000 * less:8.1f} {1000 * more:8.1f}")
            allowed = 4 * MOST_S if name in GROWING else MOST_S
            if more > allowed or not is_straight(less, more):
                wrong.append(rows[-1])
    with capsys.disabled():
        print("\n" + "\n".join(rows))
    assert not wrong


# Characters as people see them


ALPHABET = (
    "\U0001f1ef\U0001f1f5\u0301\u200d\u0903\u0600\u1100\u1161\u11a8\uac00\U0001f468\U0001f3fd\ufe0f\u0915\u094d a\r\n"
)


@given(st.text(alphabet=st.sampled_from(ALPHABET) | st.characters(codec="utf-8")))
def test_characters_are_those_of_the_standard(given: str) -> None:
    standard = [found.end() for found in regex.finditer(r"\X", given)]
    assert list(grapheme.ends(given)) == standard
    assert grapheme.count(given) == len(standard)


@pytest.mark.parametrize("shape", SHAPES)
def test_characters_of_a_hostile_text_are_those_of_the_standard(shape: str) -> None:
    given = SHAPES[shape](101)
    assert grapheme.count(given) == len(regex.findall(r"\X", given))


# Normal forms


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("か\u3099\uff9e\u0301\u0316\u1100\u1161")))
def test_a_text_without_long_runs_of_marks_is_normalised_as_ever(given: str) -> None:
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        if not normal_form.LONG_RUN[form].search(given):
            assert normal_form.normalised(form, given) == unicodedata.normalize(form, given)


def test_of_too_many_marks_the_first_stay_in_order() -> None:
    typed = "a" + "\u0316\u0301" * 100_000 + "b"
    kept = normal_form.normalised("NFC", typed)
    assert kept == unicodedata.normalize("NFC", "a" + "\u0316\u0301" * 15 + "b")
    assert text.clean_line(typed) == "á" + "\u0316" * 8 + "b"


def test_every_character_that_becomes_marks_alone_counts_as_a_mark() -> None:
    """All combining characters of Python's Unicode version: a long run of one would be insertion-sorted."""
    missed = []
    for code in range(0x110000):
        char = chr(code)
        for form, marks in (("NFD", normal_form.MARKS), ("NFKD", normal_form.COMPATIBILITY_MARKS)):
            becomes = unicodedata.normalize(form, char)
            if all(map(unicodedata.combining, becomes)) and not _class(marks).match(char):
                missed.append((form, hex(code)))
    assert not missed


def _class(marks: str) -> "regex.Pattern[str]":
    return regex.compile(f"[{marks}]", flags=regex.V1)


def test_only_one_file_normalises_what_it_has_not_bounded() -> None:
    # disguise.py folds character by character, with at most four marks; passwords and codes are bounded before.
    allowed = {
        "app/lib/normal_form.py", "app/spam/disguise.py", "app/lib/guessable.py", "app/lib/one_time_codes.py",
        "app/lib/passwords.py",
    }  # fmt: skip
    found = {str(file) for file in Path("app").rglob("*.py") if re.search(r"unicodedata\.normalize", file.read_text())}
    assert found == allowed
