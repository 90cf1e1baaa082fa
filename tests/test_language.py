"""Comments, docstrings, names, docs and interface texts use plain words: a word list with a budget for each folder."""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent

# Word group -> what to avoid. Write "they" or the role, "email", "route", "app factory", or a noun.
AVOIDED = {
    "indefinite": r"\b(?:who(?:m)?ever|nobody|somebody|anybody|anew|meanwhile|whom)\b",
    "pronoun": r"\b(?:she|hers?|herself)\b",
    "email": r"\b(?:letters?|e-mails?)\b",
    "building": r"\b(?:doors?|roofs?)\b",
    "clause": r"\bwhat (?:is|was|has)\b",
}
# Persons who act in tests, in the demo and in the docs; a text that names one may use a pronoun.
CAST = re.compile(r"\b(?:Alice|Bob|Charlie|Hanako|Taro|Tanaka|Sato)\b|花子|太郎|田中", re.IGNORECASE)
# A text that says one of these is about the letters of an alphabet, not about an email.
ALPHABET = re.compile(
    r"\b(?:alphabets?|ascii|unicode|utf-?8|scripts?|digits?|characters?|capitals?|(?:lower|upper|small|any) case"
    r"|latin|greek|cyrillic|arabic|hebrew|devanagari|thai|korean|japanese|kana|kanji|marks?|accents?|look-alikes?"
    r"|drawn|decorated|diacritics?|casefold(?:ed|ing)?|shingles?|punycode|spell(?:s|ed|ing)?|combining)\b",
    re.IGNORECASE,
)
# A group does not count in a text that matches.
UNLESS = {"pronoun": CAST, "email": ALPHABET}
# Occurrences that each folder may have. Only ever lower a number.
BUDGET = {
    "app": 0,
    "bench": 0,
    "clients": 0,
    "demo": 0,
    "docs": 0,
    "migrations": 0,
    "scripts": 0,
    "templates": 0,
    "tests": 0,
    "interface": 0,
}


class Allowed(NamedTuple):
    """A phrase of one file that may contain an avoided word."""

    path: str
    phrase: str
    reason: str


EXCEPTIONS = [
    Allowed("tests/services.py", "`nobody` often may not enter", "a system user"),
]


class Text(NamedTuple):
    """One comment, docstring, name, paragraph or interface text."""

    path: str
    line: int
    text: str


class Found(NamedTuple):
    path: str
    line: int
    group: str
    word: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.word!r} ({self.group})"


# Reading


def of_python(path: str, source: str) -> Iterator[Text]:
    yield from docstrings_and_names(path, source)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [each for each in tokens if each.type == tokenize.COMMENT]
    for _, run in groupby(enumerate(comments), lambda each: each[1].start[0] - each[0]):
        block = [comment for _, comment in run]
        yield Text(path, block[0].start[0], "\n".join(each.string for each in block))


def docstrings_and_names(path: str, source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if not isinstance(node, ast.Module):
            yield Text(path, node.lineno, re.sub(r"_+", " ", node.name).strip())
        docstring = ast.get_docstring(node, clean=False)
        if docstring:
            yield Text(path, node.body[0].lineno, docstring)


def of_jinja(path: str, source: str) -> Iterator[Text]:
    return matches(path, source, r"\{#.*?#\}")


def of_script(path: str, source: str) -> Iterator[Text]:
    """Of JavaScript and CSS."""
    return matches(path, source, r"/\*.*?\*/|(?:^[ \t]*//[^\n]*\n)+")


def of_markdown(path: str, source: str) -> Iterator[Text]:
    """Paragraphs, items and rows, without code."""
    prose = re.sub(r"^```.*?^```|`[^`\n]+`", lambda code: "\n" * code[0].count("\n"), source, flags=re.M | re.S)
    return matches(path, prose, r"^[^\n]+(?:\n(?![ \t]*(?:[-*|#]|\d+\.))[^\n]+)*")


def matches(path: str, source: str, pattern: str) -> Iterator[Text]:
    for found in re.finditer(pattern, source, re.MULTILINE | re.DOTALL):
        yield Text(path, source.count("\n", 0, found.start()) + 1, found[0])


def of_catalogue(path: str, source: str) -> Iterator[Text]:
    for message in read_po(io.StringIO(source)):
        names = message.id if isinstance(message.id, tuple) else (message.id,)
        yield from (Text(path, message.lineno or 0, each) for each in names)


READERS = {
    ".py": of_python,
    ".html": of_jinja,
    ".js": of_script,
    ".css": of_script,
    ".ts": of_script,
    ".md": of_markdown,
}


@cache
def texts(folder: str) -> tuple[Text, ...]:
    if folder == "interface":
        files = sorted(ROOT.glob("app/translations/**/*.po"))
    else:
        files = sorted(
            each for each in (ROOT / folder).rglob("*") if each.suffix in READERS and "node_modules" not in each.parts
        )
    if folder == "demo":
        files = [each for each in files if each.suffix != ".md"]  # articles of a newspaper
    if folder == "docs":
        files += sorted(ROOT.glob("*.md"))
    if folder == "app":
        files.append(ROOT / "config.py")
    return tuple(text for each in files for text in texts_of(str(each.relative_to(ROOT)), each.read_text()))


def texts_of(path: str, source: str) -> Iterator[Text]:
    return READERS.get(Path(path).suffix, of_catalogue)(path, source)


# Counting


def avoided(text: Text) -> Iterator[Found]:
    without_exceptions = text.text
    for each in EXCEPTIONS:
        if each.path == text.path:
            without_exceptions = re.sub(phrase(each), blank, without_exceptions, flags=re.IGNORECASE)
    for group, pattern in AVOIDED.items():
        if group in UNLESS and UNLESS[group].search(text.text):
            continue
        for found in re.finditer(pattern.replace(" ", r"[\s#]+"), without_exceptions, re.IGNORECASE):
            if not (group == "clause" and is_question(without_exceptions, found.end())):
                yield Found(text.path, text.line + text.text.count("\n", 0, found.start()), group, found[0])


def phrase(exception: Allowed) -> str:
    return r"[\s#]+".join(re.escape(each) for each in exception.phrase.split())


def blank(found: re.Match[str]) -> str:
    """Keep lines and positions as they were."""
    return re.sub(r"\S", "-", found[0])


def is_question(text: str, end: int) -> bool:
    return re.match(r"[^.!;:|]*\?", text[end:]) is not None


@pytest.mark.parametrize("folder", BUDGET)
def test_texts_use_plain_words(folder: str) -> None:
    found = [each for text in texts(folder) for each in avoided(text)]
    words = sum(len(text.text.split()) for text in texts(folder))
    rates = {group: round(1000 * n / words, 2) for group, n in Counter(each.group for each in found).items()}
    summary = f"{len(found)} of {words} words; per 1,000 words: {rates}"
    assert len(found) <= BUDGET[folder], "\n".join([summary, *map(str, found)])


@pytest.mark.parametrize("exception", EXCEPTIONS, ids=lambda each: f"{each.path}: {each.phrase}")
def test_exceptions_are_still_needed(exception: Allowed) -> None:
    assert exception.reason
    found = texts_of(exception.path, (ROOT / exception.path).read_text())
    assert any(re.search(phrase(exception), text.text, re.IGNORECASE) for text in found)


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("a.py", '"""One.\n\nWhoever asks."""\n', ["a.py:3: 'Whoever' (indefinite)"]),
        ("a.py", "x = 1\n# It is\n# what\n# was kept\n", ["a.py:3: 'what\\n# was' (clause)"]),
        ("a.py", "def test_no_letter_is_sent(): ...\n", ["a.py:1: 'letter' (email)"]),
        ("a.py", "# She waits.\n", ["a.py:1: 'She' (pronoun)"]),
        ("a.py", "# Alice waits until she can post.\n", []),
        ("a.py", "nobody = 'whom'  # other\n", []),
        ("a.html", "<p>her</p>\n{# the\ndoor #}\n", ["a.html:3: 'door' (building)"]),
        ("a.js", 'var anew = "her"\n  // sent anew\n', ["a.js:2: 'anew' (indefinite)"]),
        ("a.css", "a { b: c } /* the\n roof */\n", ["a.css:2: 'roof' (building)"]),
        ("a.md", "What is kept?\n\n- One\n- what is kept `her`\n", ["a.md:4: 'what is' (clause)"]),
        ("a.md", "```\nE-mail\n```\n\nE-mail\n", ["a.md:5: 'E-mail' (email)"]),
        ("a.po", '#: b.py:1\nmsgid "Her comment"\nmsgstr "x"\n', ["a.po:2: 'Her' (pronoun)"]),
    ],
)
def test_each_kind_of_text_is_read(path: str, source: str, expected: list[str]) -> None:
    assert [str(each) for text in texts_of(path, source) for each in avoided(text)] == expected
