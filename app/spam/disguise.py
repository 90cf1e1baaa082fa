"""Undo disguises of words, with a map to the original positions."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# Default-ignorable characters (Unicode Standard 5.21), hangul fillers, blank braille.
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U000e0000-\U000e0fff]"
)
MARK = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\u3099\u309a"
    "\ufe20-\ufe2f"
)
MARKS = re.compile(f"[{MARK}]")
UNSEEN = re.compile(f"{INVISIBLE.pattern[:-1]}{MARK}]")
# A character with up to four combining marks is one unit: ﾊﾞ and a decomposed が are one. Normalising thousands of
# marks at once takes quadratic time.
UNIT = re.compile(f"(?s)[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|.[{MARK}\uff9e\uff9f]{{0,4}}")
NEEDS_UNITS = re.compile(f"[{MARK}\uff9e\uff9f\u1100-\u11ff]")
KANA = {code: code - 0x60 for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}
MAX_CACHED = 20_000
# Longest folded unit: ㌀ is four. An Arabic ligature of 18 stays.
MOST_FOLDED = 10
# Characters by which a folded text may be longer. One that is made of such characters stays unfolded, rather than take
# ten times as long.
MOST_GROWTH = 2_000
HANZI, HANGUL = ("㐀", "鿿"), ("가", "힣")

# Letters like a small Latin one, from Unicode's confusables.txt (UTS #39), as far as casefolded text contains them,
# with small capitals and boxed letters that NFKC keeps.
LOOK_ALIKES = {
    "a": "аαɑᴀⲁꭺ", "b": "ьʙᏏᖯƅ", "c": "сϲᴄⲥꮯ", "d": "ԁᴅɗᏧ", "e": "еҽᴇєεꬲ", "f": "ꜰϝſẝ", "g": "ɡցɢᶃ",
    "h": "һհʜᏂ", "i": "іıɩιɪӏꙇ", "j": "јϳᴊʝ", "k": "κкᴋⲕ", "l": "ʟⅼաḷӀǀ", "m": "мᴍϻꮇ", "n": "пոηɴռ",
    "o": "оοσօᴏⲟøөဝ", "p": "рρᴘⲣϱ", "q": "ԛզգ", "r": "гʀᴦⲅꭇ", "s": "ѕꜱƽꮪ", "t": "тτᴛ", "u": "υսᴜʋц",
    "v": "νѵᴠטꮩ", "w": "ԝᴡѡաɯω", "x": "хχᕽ×", "y": "уүγʏყ", "z": "ᴢʐꮓ",
}  # fmt: skip
LATIN = {ord(like): letter for letter, likes in LOOK_ALIKES.items() for like in likes}
BOXED = {
    start + offset: chr(ord("a") + offset)
    for start in (0x1F150, 0x1F170, 0x1F1E6)  # negative circles, negative squares, regional indicators
    for offset in range(26)
}
PLAINER = KANA | BOXED
# Digits and signs for letters, within a word that also has letters.
LEET = {ord(sign): letter for sign, letter in zip("013457@$!€", "oieastasie", strict=True)}
# Kanji that look like katakana, as in 激工口どうが; as hiragana.
KANJI_KANA = {ord(kanji): kana for kanji, kana in zip("工口力二夕卜八", "えろかにたとは", strict=True)}

# Scripts without spaces: kana, hanzi, hangul, Thai, Lao, Burmese, Khmer.
UNSPACED = "ぁ-ゟァ-ヿ㐀-鿿豈-﫿々〆\U00020000-\U0003ffff가-힣ᄀ-ᇿ\u3130-\u318f\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
CONTINUOUS = re.compile(f"[{UNSPACED}]")
# Words with a letter that is Latin or looks so; others stay as they are. The look-behind keeps the search linear.
TOKEN = re.compile(rf"(?<![\w@$!€])[\w@$!€]*?[a-z{''.join(map(chr, LATIN))}][\w@$!€]*")
OTHER_ALPHABET = re.compile("[\u0370-\u058f]")
PURE_LATIN = re.compile("[a-z]")
# Ends before anything but a letter or digit: otherwise a_-a_-a_ would be quadratic.
SPACED_LETTERS = re.compile(r"(?<!\w)[^\W_](?:[\W_]{1,3}[^\W_]){2,}(?![^\W_])")
CHOPPED_WORD = re.compile(r"(?<!\w)[^\W_]{1,2}(?:[.\-_*·~|/+,']+[^\W_]{1,2}){2,}(?![^\W_])")
GAP = "[ .,·・･*＊★☆♡♥+~_|/\\-'’]{1,3}"
CJK = "[ぁ-ゟ㐀-鿿々가-힣]"
CJK_GAP = re.compile(f"(?<={CJK}){GAP}(?={CJK})")


@dataclass(frozen=True)
class Reading:
    """A reading of a text: folded characters with original positions."""

    text: str
    starts: list[int]
    ends: list[int]
    # For "b u y" read as one word: a match may be any part.
    anywhere: bool = False

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The original [start, end) of a match."""
        return self.starts[start], self.ends[end - 1]

    def pick(self, places: Iterable[int], *, anywhere: bool = False) -> "Reading":
        chosen = list(places)
        return Reading(
            "".join([self.text[place] for place in chosen]),
            [self.starts[place] for place in chosen],
            [self.ends[place] for place in chosen],
            anywhere,
        )


def readings(text: str) -> list[Reading]:
    """The text folded, undisguised, and without spacing tricks."""
    plain = read(text)
    clear = undisguised(plain)
    found = [plain] if clear.text == plain.text else [plain, clear]
    for reading in list(found):
        found += _joined(reading)
    return found


def read(text: str) -> Reading:
    """Fold width, case, kana, invisible characters and white space."""
    return mapped(text, _FOLDED)


def fold(text: str) -> str:
    """The folded text alone."""
    return read(text).text.strip()


def narrowed(text: str) -> Reading:
    """Fold width, fonts and invisible characters only, for patterns."""
    return mapped(text, _NARROWED)


def clear_form(word: str) -> str:
    """A rule's folded word with look-alikes as Latin."""
    return word.translate(_ALIKE).translate(LATIN)


def undisguised(plain: Reading) -> Reading:
    """Replace look-alikes, accents, digits for letters and kanji for kana, one to one."""
    genuine = _has_genuine_alphabet(plain.text)
    text = plain.text.translate(_ALIKE) if not plain.text.isascii() else plain.text
    text = TOKEN.sub(lambda token: _plain_word(token[0], genuine=genuine), text)
    return Reading(text, plain.starts, plain.ends)


class _Folded(dict[str, str]):
    def __missing__(self, unit: str) -> str:
        folded = fold_unit(unit)
        if len(self) < MAX_CACHED:
            self[unit] = folded
        return folded


class _Narrowed(dict[str, str]):
    """For patterns, which handle case and kana themselves."""

    def __missing__(self, unit: str) -> str:
        narrow = unicodedata.normalize("NFKC", unit)
        narrow = INVISIBLE.sub("", narrow) if len(narrow) <= MOST_FOLDED else unit
        if len(self) < MAX_CACHED:
            self[unit] = narrow
        return narrow


def fold_unit(unit: str) -> str:
    if len(unit) == 1 and (HANZI[0] <= unit <= HANZI[1] or HANGUL[0] <= unit <= HANGUL[1]):
        return unit  # cannot be folded, and too many to cache
    narrow = unicodedata.normalize("NFKC", unit)
    folded = narrow.casefold()
    if folded != narrow:
        folded = unicodedata.normalize("NFKC", folded)
    if len(folded) > MOST_FOLDED:
        return unit
    if folded.isspace():
        return " "
    return folded if folded.isascii() else UNSEEN.sub("", folded).translate(PLAINER)


def mapped(text: str, table: dict[str, str]) -> Reading:
    """Fold a text unit by unit, with a map to the original."""
    units = UNIT.findall(text) if NEEDS_UNITS.search(text) else list(text)
    folded = [table[unit] for unit in units]
    if sum(map(len, folded)) > len(text) + MOST_GROWTH:
        folded = [letters if len(letters) <= 1 else unit for unit, letters in zip(units, folded, strict=True)]
    if max(map(len, folded), default=0) == min(map(len, folded), default=0) == 1 and len(units) == len(text):
        reading = Reading("".join(folded), list(range(len(text))), list(range(1, len(text) + 1)))
    else:
        reading = _mapped_unevenly(units, folded)
    return _single_spaced(reading) if "  " in reading.text else reading


def _mapped_unevenly(units: list[str], folded: list[str]) -> Reading:
    starts, ends, place = [], [], 0
    for unit, letters in zip(units, folded, strict=True):
        end = place + len(unit)
        starts += [place] * len(letters)
        ends += [end] * len(letters)
        place = end
    return Reading("".join(folded), starts, ends)


def _single_spaced(reading: Reading) -> Reading:
    text = reading.text
    return reading.pick(
        [place for place, char in enumerate(text) if char != " " or place == 0 or text[place - 1] != " "]
    )


def _has_genuine_alphabet(text: str) -> bool:
    # With an unmistakable Cyrillic or Greek letter the text is Russian or Greek: рот is not "pot".
    return any(ord(char) not in LATIN for char in OTHER_ALPHABET.findall(text))


def _plain_word(word: str, *, genuine: bool) -> str:
    if word.isascii() and word.isalpha():
        return word
    latin = word if genuine and not PURE_LATIN.search(word) else word.translate(LATIN)
    if not PURE_LATIN.search(latin):
        return word
    body = latin.rstrip("!")
    return body.translate(LEET) + latin[len(body) :]


class _Alike(dict[int, str]):
    def __missing__(self, code: int) -> str:
        char = chr(code)
        base = char if CONTINUOUS.match(char) else MARKS.sub("", unicodedata.normalize("NFD", char))
        alike = base if len(base) == 1 else char
        if len(self) < MAX_CACHED:
            self[code] = alike
        return alike


def _joined(reading: Reading) -> list[Reading]:
    """Readings of words with gaps: b u y, vi-ag-ra, 死 ね."""
    text, found = reading.text, []
    for run in SPACED_LETTERS.finditer(text):
        found.append(reading.pick(_alphanumeric(text, run), anywhere=True))
    for run in CHOPPED_WORD.finditer(text):
        found.append(reading.pick(_alphanumeric(text, run)))
    if CJK_GAP.search(text):
        found.append(_without_gaps(reading))
    return found


def _alphanumeric(text: str, run: re.Match[str]) -> list[int]:
    return [place for place in range(run.start(), run.end()) if text[place].isalnum()]


def _without_gaps(reading: Reading) -> Reading:
    places: list[int] = []
    last = 0
    for gap in CJK_GAP.finditer(reading.text):
        places += range(last, gap.start())
        last = gap.end()
    return reading.pick([*places, *range(last, len(reading.text))])


_FOLDED = _Folded()
_NARROWED = _Narrowed()
_ALIKE = _Alike(KANJI_KANA)
