"""Features of a comment: words, n-grams and metadata, each hashed to a slot."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from urllib.parse import urlsplit
from zlib import crc32

from app.lib.normal_form import normalised

# Increase when an example gets other slots; models of other versions are retrained.
VERSION = 2
SLOTS = 1 << 18

# Sampled characters, because n-grams are expensive. Spam shows at the beginning or signs at the end; links are taken
# from the whole text.
HEAD, TAIL = 330, 130
MAX_WORDS = 150
MAX_LINKS = 20
NGRAM_SIZES = (2, 3, 4)

# Words of one script each (副業で月収 is three), and each punctuation mark.
WORD = re.compile(r"[ぁ-ゖゝゞ]+|[ァ-ヺー]+|[㐀-鿿々豈-﫿]+|[가-힣]+|(?:(?![ぁ-ヺー㐀-鿿々豈-﫿가-힣])\w)+|[^\w\s]")
# Two patterns, each with a fixed first character, which Python's engine finds quickly.
HOST, PATH = r"([^\s/?#<>\"'、。」)]{1,255})", r"([/?#][!#-&(-;=?-~]*)?"
LINK = re.compile(f"://{HOST}{PATH}")
WWW_LINK = re.compile(rf"www\.{HOST}{PATH}")
BARE_LINK = re.compile(r"(?i)\b([a-z0-9-]{1,63}\.(?:com|net|org|info|xyz|top|ru|cn|jp|io|me|site|online|club|shop))\b")
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]"
)
FANCY = re.compile("[\u2460-\u24ff\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7ff\U0001f130-\U0001f189]")
DIGITS = re.compile(r"\d+")

SCRIPTS = (
    ("kana", re.compile("[ぁ-ヺー]")),
    ("hangul", re.compile("[가-힣]")),
    ("han", re.compile("[㐀-鿿]")),
    ("cyrillic", re.compile("[Ѐ-ӿ]")),
    ("greek", re.compile("[Ͱ-Ͽ]")),
    ("arabic", re.compile("[؀-ۿ]")),
    ("hebrew", re.compile("[֐-׿]")),
    ("devanagari", re.compile("[ऀ-ॿ]")),
    ("thai", re.compile("[ก-๛]")),
    ("latin", re.compile("[A-Za-zÀ-ɏ]")),
)


@dataclass(frozen=True)
class Example:
    """The filter's input, stored with the decision for unlearning.

    `seconds` from opening the form to posting, or None. `approved` and `rejected` count the author's earlier comments
    on this site. `lang` is the thread's language. Default values yield no feature.
    """

    text: str
    name: str = ""
    website: str = ""
    lang: str = ""
    seconds: float | None = None
    approved: int | None = None
    rejected: int | None = None


@dataclass(frozen=True)
class Slots:
    """Slots of an example by family; each family is normalised and weighted separately."""

    words: tuple[int, ...]
    ngrams: tuple[int, ...]
    metadata: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.words) + len(self.ngrams) + len(self.metadata)

    def all(self) -> set[int]:
        """Every slot once."""
        return {*self.words, *self.ngrams, *self.metadata}


def slots(example: Example) -> Slots:
    """Slots of an example; pure, bounded, the same in every process."""
    text = wording(example.text)
    folded = fold(text)
    words = (slot(kind, value) for kind, value in word_features(folded))
    metadata = (slot(kind, value) for kind, value in metadata_features(example, text, folded))
    return Slots(_sorted(words), _sorted(_ngram_slots(folded)), _sorted(metadata))


def slot(kind: str, value: str) -> int:
    return crc32(f"{kind}:{value}".encode("utf-8", "surrogatepass")) % SLOTS


def wording(text: str) -> str:
    """The sampled part of a long text, with links without paths.

    A path is one feature: as n-grams it would outweigh the text.
    """
    said = WWW_LINK.sub(r"www.\1", LINK.sub(r"://\1", text))
    return said if len(said) <= HEAD + TAIL else f"{said[:HEAD]} {said[-TAIL:]}"


def fold(text: str) -> str:
    """Without cheap disguises: width, fonts, case, invisible characters."""
    plain = INVISIBLE.sub("", normalised("NFKC", text).casefold())
    return " ".join(plain.split())[: HEAD + TAIL]


def word_features(folded: str) -> Iterator[tuple[str, str]]:
    """("word", w) for every word and ("phrase", "v w") for neighbours."""
    words = WORD.findall(folded)[:MAX_WORDS]
    yield from (("word", word) for word in words)
    yield from (("phrase", f"{one} {two}") for one, two in pairwise(words))


def ngrams(folded: str) -> Iterator[tuple[int, int, int]]:
    """(start, end, slot) in the folded text for every run of two to four characters."""
    padded = f" {folded} "
    for size in NGRAM_SIZES:
        for start, found in enumerate(_hashes(padded, size)):
            yield start - 1, start - 1 + size, found


def metadata_features(example: Example, text: str, folded: str) -> Iterator[tuple[str, str]]:
    """(kind, value) of everything but words: shape, links, name, time, language, record."""
    yield from _shape(example.text, text, folded)
    yield from _links(example, text)
    yield from _script(folded, example.lang)
    yield from _author_and_record(example)


def _ngram_slots(folded: str) -> Iterator[int]:
    padded = f" {folded} "
    for size in NGRAM_SIZES:
        yield from _hashes(padded, size)


def _hashes(text: str, size: int) -> list[int]:
    # A multiplicative hash of code points (Knuth, TAOCP 3, 6.4): twice as fast as crc32, and n-grams are nine tenths of
    # all features.
    codes = [ord(char) for char in text]
    if size == 2:
        return [(a * 2654435761 + b * 2246822519 >> 11) % SLOTS for a, b in pairwise(codes)]
    if size == 3:
        threes = zip(codes, codes[1:], codes[2:], strict=False)
        return [(a * 3266489917 + b * 668265263 + c * 374761393 >> 11) % SLOTS for a, b, c in threes]
    fours = zip(codes, codes[1:], codes[2:], codes[3:], strict=False)
    return [(a * 2869860233 + b * 3644798167 + c * 951274213 + d * 1181783497 >> 11) % SLOTS for a, b, c, d in fours]


def _shape(whole: str, text: str, folded: str) -> Iterator[tuple[str, str]]:
    size = len(text) or 1
    words = WORD.findall(folded)[:MAX_WORDS]
    marks = [unicodedata.category(char)[0] for char in text if not char.isalnum() and not char.isspace()]
    yield "length", _doubling(len(whole))
    yield "words", _doubling(len(words))
    yield "capitals", _tenths(sum(map(str.isupper, text)), size)
    yield "digits", _tenths(sum(map(str.isdigit, text)), size)
    yield "marks", _tenths(marks.count("P"), size)
    yield "symbols", _doubling(marks.count("S"))
    yield "fancy", _doubling(len(FANCY.findall(text)))
    yield "disguise", str(int(normalised("NFKC", text) != text))
    yield "invisible", _doubling(len(INVISIBLE.findall(text)))
    yield "lines", _doubling(text.count("\n"))
    yield "variety", _tenths(len(set(words)), len(words) or 1)
    yield from (("number", str(len(number))) for number in set(DIGITS.findall(folded)))


def _links(example: Example, text: str) -> Iterator[tuple[str, str]]:
    whole = example.text
    links = list(islice(LINK.finditer(whole), MAX_LINKS))
    yield from (("address", found[0][3:].casefold()) for found in links)
    hosts = [found[1] for found in links]
    hosts += [
        found[1] for found in islice(WWW_LINK.finditer(whole), MAX_LINKS) if not whole.endswith("://", 0, found.start())
    ]
    bare = [found[1] for found in islice(BARE_LINK.finditer(WWW_LINK.sub(" ", LINK.sub(" ", text))), MAX_LINKS)]
    yield "links", _doubling(len(hosts) + len(bare))
    for host in {*hosts, *bare, _website_host(example.website)} - {""}:
        name = host.casefold().removeprefix("www.")
        yield "host", name
        yield "ending", name.rpartition(".")[2]
    if example.website:
        yield "website", "1"


def _website_host(website: str) -> str:
    try:
        return urlsplit(website).hostname or ""
    except ValueError:  # an invalid URL has no host
        return ""


def _script(folded: str, lang: str) -> Iterator[tuple[str, str]]:
    found = next((name for name, pattern in SCRIPTS if pattern.search(folded)), "none")
    yield "script", found
    if lang:
        yield "script_in", f"{found} {lang}"


def _author_and_record(example: Example) -> Iterator[tuple[str, str]]:
    name = fold(example.name[:80])
    if name:
        yield "name", name
        yield from (("name_word", word) for word in set(WORD.findall(name)))
    if example.seconds is not None:
        yield "seconds", _doubling(int(min(max(example.seconds, 0), 1e6)))
    if example.approved is not None:
        yield "approved", _doubling(example.approved)
    if example.rejected is not None:
        yield "rejected", _doubling(example.rejected)


def _doubling(count: int) -> str:
    """0, 1, 2 to 3, 4 to 7 ... by bit length."""
    return str(max(count, 0).bit_length())


def _tenths(part: int, whole: int) -> str:
    return str(10 * part // whole)


def _sorted(found: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(found)))
