"""Clean, compare and shorten typed text; find links in it."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

import regex

from app.lib import grapheme
from app.lib.normal_form import MARKS, normalised

# Recommended tag sequences: the flags of England, Scotland and Wales.
FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(each)) for each in code) + "\U000e007f"
    for code in ("gbeng", "gbsct", "gbwls")
)
# Controls, overrides and embeddings, blank fillers, annotation marks, noncharacters, lone surrogates: used only to
# deceive.
NEVER = regex.compile(
    r"[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}--[\n\t]]"
    r"|[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u202a-\u202e\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0]"
    r"|[\ufff9-\ufffb\U0001d173-\U0001d17a]"
    rf"|(?P<flag>{FLAGS})|[\U000e0000-\U000e007f]",
    flags=regex.V1,
)
# Joiners with a visible effect: in emoji, after a virama, between characters of Arabic script.
JOINERS = regex.compile(
    r"(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])(\u200d)(?=\p{Extended_Pictographic})"
    r"|(?<=\p{ccc=9})([\u200c\u200d])(?=\w)|(?<=\p{Arabic})(\u200c)(?=\p{Arabic})|[\u200c\u200d]"
)
DIRECTION = re.compile("[\u061c\u200e\u200f\u2066-\u2069]")
ISOLATES = re.compile("[\u2066-\u2069]")
POP_ISOLATE = "\u2069"
# Living languages use up to four marks on a character; hundreds would cover other lines.
_MARK = rf"[\p{{Mn}}\p{{Me}}{MARKS}]"
TOWER = regex.compile(rf"(?<!{_MARK})({_MARK}{{8}}){_MARK}+", flags=regex.V1)
LINE_END = re.compile("\r\n|[\r\x85\u2028\u2029]")
# NFC would replace 神 (U+FA19), which some family names use.
NOT_COMPATIBILITY = re.compile("[^\uf900-\ufaff\U0002f800-\U0002fa1f]+")


def clean_line(s: str) -> str:
    """A one-line field such as a name: NFC, single spaces, no invisible characters."""
    s = DIRECTION.sub("", without_never(LINE_END.sub(" ", s)))
    s = JOINERS.sub(lambda match: match[1] or match[2] or match[3] or "", s)
    return " ".join(TOWER.sub(r"\1", _composed(s)).split())


def own_id_of(typed: str) -> str:
    """The id that a page gives itself (`data-thread`), cleaned; '' for none."""
    return clean_line(typed[:OWN_ID_READ])[:OWN_ID_LENGTH]


# Characters; the first number is that before invisible ones are removed.
OWN_ID_READ, OWN_ID_LENGTH = 2_000, 500


def clean_body(s: str) -> str:
    """A multi-line text with \\n: NFC, without deceptive characters.

    Isolates stay if they are closed on their line.
    """
    s = TOWER.sub(r"\1", _composed(without_never(LINE_END.sub("\n", s))))
    return "\n".join(map(_isolates_closed, s.split("\n"))) if ISOLATES.search(s) else s


def without_never(s: str) -> str:
    return str(NEVER.sub(lambda match: str(match["flag"] or ""), s))


def is_blank(s: str) -> bool:
    """True for white space, joiners and blank characters only."""
    return BLANK.fullmatch(s) is not None


BLANK = regex.compile(r"[\s\u2800\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Mn}\p{Me}]*+")


def excerpt(s: str, most: int) -> str:
    """Return the first `most` graphemes of a text on one line, with … at the end if it was cut."""
    # A page has many excerpts, also of long texts.
    start = s[: most * READ_FOR_GRAPHEME]
    line = clean_line(start)
    ends = list(islice(grapheme.ends(line), most + 1)) if len(line) > most else []
    if len(ends) <= most:
        return line if start == s else f"{line.rstrip()}…"
    return line[: ends[most - 2]].rstrip() + "…" if most > 1 else "…"


READ_FOR_GRAPHEME = 20  # code points, with those that are removed

INVISIBLE = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}--\s]", flags=regex.V1
)
VOICED = str.maketrans({"\u309b": "\u3099", "\u309c": "\u309a"})
# Accents, tone marks, Hebrew and Arabic points, which are added to evade word lists; not marks that make another
# character, such as Indic and Thai vowels, й, and the dakuten of が.
ACCENTS = regex.compile(
    r"(?<!и)\u0306|[[\p{Inherited}&&\p{M}]--[\u0306\u3099\u309a]]|[\p{Hebrew}&&\p{M}]|\p{Me}", flags=regex.V1
)
LOOSE_VOICING = re.compile("[\u3099\u309a]")
KANA = str.maketrans({code: code - 0x60 for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)} | {0x301C: 0x7E})


def fold(s: str, most: int | None = None) -> str:
    """Return a text for comparison, not for display. Idempotent.

    NFKC, casefold, katakana as hiragana, half-width as full-width, no accents or invisible characters, single spaces.
    が and か stay different characters in any spelling of が (か゛, ｶﾞ); a voicing mark on a character that cannot have
    one (あ゛) is removed. `most`: how many characters are read once compatibility characters are replaced, which may
    become eighteen each.
    """
    s = INVISIBLE.sub("", s).translate(VOICED)
    for _ in range(FOLDINGS):
        s = _folded_once(before := s, most)
        if s == before:
            break
    return s


FOLDINGS = 4  # a few characters, whose lower case decomposes, need two


def _folded_once(s: str, most: int | None) -> str:
    s = INVISIBLE.sub("", normalised("NFKC", s)[:most].casefold())
    s = normalised("NFD", normalised("NFKC", s))
    s = normalised("NFC", ACCENTS.sub("", s).translate(KANA))
    return " ".join(LOOSE_VOICING.sub("", s).split())


def links_in(text: str) -> list[str]:
    """URLs in a text in order, also www.… without https://."""
    return [text[start:end] for start, end in link_spans(text, bare=True)]


# Where a URL ends in running text. Japanese has no space after it, so the characters decide: punctuation (。、」）) is
# never part of a URL; hiragana after Latin script is a particle (…/articleを), also common particles at the start of a
# segment; kanji and katakana are part of a path (…/wiki/2024年), in a query only after =. Two cases go wrong: a title
# that starts like a particle (…/wiki/はやぶさ) ends too early, and text after a Japanese title (…/wiki/日本を読む) is
# included.
_J = r"\p{Han}\p{Hiragana}\p{Katakana}ー々〆〇"
_PARTICLE = r"[をはがにでとものへだっ]|から|まで|より|です"
_OTHER = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{_J}\p{{Hangul}}a-zA-Z0-9]]"
_ASCII = r"[a-zA-Z0-9\-._~:/@!$&'()*+,;=%\[\]]"
_HOST_LABEL = rf"(?:[a-z0-9_][a-z0-9_\-]*+(?![\p{{L}}\p{{N}}--[{_J}\p{{Hangul}}]])|[\p{{L}}\p{{N}}\-]++)"
LINK = regex.compile(
    rf"""
    (?<![a-zA-Z0-9@])(?:(?P<scheme>https?)://|(?<![.\-_/])(?=www\.))
    [\p{{L}}\p{{N}}][\p{{L}}\p{{N}}\-_]*+(?:\.{_HOST_LABEL})++
    (?::[0-9]{{1,5}})?+
    (?:/(?:{_ASCII}|{_OTHER}|(?<=[{_J}・])[{_J}・]|(?<=[/=\-_])(?!{_PARTICLE})\p{{Hiragana}}
        |(?<=[/=\-_a-zA-Z0-9.(])[\p{{Han}}\p{{Katakana}}]|(?<=[/\-_\p{{Hangul}}])\p{{Hangul}})*+)?+
    (?:[?\#](?:{_ASCII}|[?\#]|{_OTHER}|(?<=[{_J}・])[{_J}・]|(?<=[=\#\-_+])(?!{_PARTICLE})[{_J}]
        |(?<=[=\#\-_+\p{{Hangul}}])\p{{Hangul}})*+)?+
    """,
    flags=regex.X | regex.I | regex.V1,
)
CLOSERS = {")": "(", "]": "["}
LINK_TAIL = "?!.,:;*_~'・"


def link_spans(text: str, *, bare: bool = False) -> Iterator[tuple[int, int]]:
    """Yield start and end of http(s) URLs in a text, with `bare` also of www.…; linear."""
    return ((start, end) for start, end, has_scheme in _links(text) if has_scheme or bare)


def without_links(text: str) -> str:
    kept, last = [], 0
    for start, end in link_spans(text, bare=True):
        kept.append(text[last:start])
        last = end
    return "".join([*kept, text[last:]])


# Each comment is searched by several checks, which takes up to ten milliseconds.
@lru_cache(maxsize=4)
def _links(text: str) -> tuple[tuple[int, int, bool], ...]:
    # Most texts have none, and the search takes milliseconds for a long one.
    if "://" not in text and "www." not in text.lower():
        return ()
    found = ((match, match.start()) for match in LINK.finditer(text))
    return tuple((start, start + len(_without_tail(match[0])), bool(match["scheme"])) for match, start in found)


def link_at(text: str, start: int) -> str:
    match = LINK.match(text, start)
    return _without_tail(match[0]) if match and match["scheme"] else ""


def _without_tail(link: str) -> str:
    """Remove final punctuation, and a closing bracket whose opening one is before the URL (GFM 6.9)."""
    unopened = {each: link.count(each) - link.count(CLOSERS[each]) for each in CLOSERS}
    end = len(link)
    while link[end - 1] in LINK_TAIL or unopened.get(link[end - 1], 0) > 0:
        end -= 1
        if link[end] in CLOSERS:
            unopened[link[end]] -= 1
    return link[:end]


def _composed(s: str) -> str:
    return NOT_COMPATIBILITY.sub(lambda match: normalised("NFC", match[0]), s)


def _isolates_closed(line: str) -> str:
    """Remove unmatched isolates of a line (UAX 9, BD9)."""
    depth, partners = [], set()
    for match in ISOLATES.finditer(line):
        if match[0] != POP_ISOLATE:
            depth.append(match.start())
        elif depth:
            partners |= {depth.pop(), match.start()}
    return ISOLATES.sub(lambda match: match[0] if match.start() in partners else "", line)
