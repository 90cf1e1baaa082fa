"""What people type, as they type it: cleaned, counted, compared, cut short."""

import re
from collections.abc import Iterator
from itertools import islice

import regex

from app.lib import grapheme
from app.lib.normal_form import MARKS, normalised

# The three flags that Unicode recommends with tag characters (England, Scotland, Wales); elsewhere tags only
# hide.
FLAGS = "|".join(
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(each)) for each in code) + "\U000e007f"
    for code in ("gbeng", "gbsct", "gbwls")
)
# Controls, overrides and embeddings (deprecated by Unicode for isolates, UAX 9 2.7), fillers that look like
# nothing, annotation marks, non-characters, lone surrogates: no language needs them, all of them have
# deceived readers.
NEVER = regex.compile(
    r"[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}--[\n\t]]"
    r"|[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u202a-\u202e\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0]"
    r"|[\ufff9-\ufffb\U0001d173-\U0001d17a]"
    rf"|(?P<flag>{FLAGS})|[\U000e0000-\U000e007f]",
    flags=regex.V1,
)
# Joiners where they change what is seen: in emoji, after a virama (Sinhala, Hindi), between Arabic letters
# (Persian).
JOINERS = regex.compile(
    r"(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])(\u200d)(?=\p{Extended_Pictographic})"
    r"|(?<=\p{ccc=9})([\u200c\u200d])(?=\w)|(?<=\p{Arabic})(\u200c)(?=\p{Arabic})|[\u200c\u200d]"
)
DIRECTION = re.compile("[\u061c\u200e\u200f\u2066-\u2069]")
ISOLATES = re.compile("[\u2066-\u2069]")
POP_ISOLATE = "\u2069"
# A letter carries up to four marks in any living language; towers of hundreds cover the neighbours' lines.
_MARK = rf"[\p{{Mn}}\p{{Me}}{MARKS}]"
TOWER = regex.compile(rf"(?<!{_MARK})({_MARK}{{8}}){_MARK}+", flags=regex.V1)
LINE_END = re.compile("\r\n|[\r\x85\u2028\u2029]")
# NFC would turn 神 (U+FA19), as some families write themselves, into 神.
NOT_COMPATIBILITY = re.compile("[^\uf900-\ufaff\U0002f800-\U0002fa1f]+")


def clean_line(s: str) -> str:
    """Return a one-line field (a name, a title): NFC, one space between words, nothing invisible."""
    s = DIRECTION.sub("", without_never(LINE_END.sub(" ", s)))
    s = JOINERS.sub(lambda match: match[1] or match[2] or match[3] or "", s)
    return " ".join(TOWER.sub(r"\1", _composed(s)).split())


def clean_body(s: str) -> str:
    """Return a text of many lines, ends of lines as \\n: NFC, what languages need, nothing that deceives.

    Isolates stay where they are closed on their line, so that they cannot turn what stands after them.
    """
    s = TOWER.sub(r"\1", _composed(without_never(LINE_END.sub("\n", s))))
    return "\n".join(map(_isolates_closed, s.split("\n"))) if ISOLATES.search(s) else s


def without_never(s: str) -> str:
    """Return the text without the characters that no language needs; ends of lines are not touched."""
    return NEVER.sub(lambda match: match["flag"] or "", s)


def is_blank(s: str) -> bool:
    """Is there nothing to see: only white space, joiners, and the letters that look like nothing?"""
    return BLANK.fullmatch(s) is not None


BLANK = regex.compile(r"[\s\u2800\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Mn}\p{Me}]*+")


def excerpt(s: str, most: int) -> str:
    """Return the first `most` graphemes of a text on one line, the last of them … where it was cut."""
    line = clean_line(s)
    if len(line) <= most:
        return line
    ends = list(islice(grapheme.ends(line), most + 1))
    if len(ends) <= most:
        return line
    return line[: ends[most - 2]].rstrip() + "…" if most > 1 else "…"


INVISIBLE = regex.compile(
    r"[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}--\s]", flags=regex.V1
)
VOICED = str.maketrans({"\u309b": "\u3099", "\u309c": "\u309a"})
# Accents, tone marks, Hebrew and Arabic points: left out or scattered to get past a list. Not the marks that
# make another letter: the vowels of Indic scripts and Thai, й, and (after composing) the dakuten of が.
ACCENTS = regex.compile(
    r"(?<!и)\u0306|[[\p{Inherited}&&\p{M}]--[\u0306\u3099\u309a]]|[\p{Hebrew}&&\p{M}]|\p{Me}", flags=regex.V1
)
LOOSE_VOICING = re.compile("[\u3099\u309a]")
KANA = str.maketrans({code: code - 0x60 for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)} | {0x301C: 0x7E})


def fold(s: str) -> str:
    """Return a text for comparing, never for showing: what looks or sounds alike is alike.

    NFKC, case, katakana as hiragana, half-width as full-width, accents and invisible characters left out,
    runs of white space as one space. が and か stay two letters, however が was typed (か゛, ｶﾞ); a voicing
    mark on a letter that cannot bear one (あ゛) is decoration and goes. Folding twice changes nothing.
    """
    s = INVISIBLE.sub("", s).translate(VOICED)
    for _ in range(FOLDINGS):
        s = _folded_once(before := s)
        if s == before:
            break
    return s


FOLDINGS = 4  # a second is needed for a few letters whose lower case decomposes; more has not been seen


def _folded_once(s: str) -> str:
    s = INVISIBLE.sub("", normalised("NFKC", s).casefold())
    s = normalised("NFD", normalised("NFKC", s))
    s = normalised("NFC", ACCENTS.sub("", s).translate(KANA))
    return " ".join(LOOSE_VOICING.sub("", s).split())


def links_in(text: str) -> list[str]:
    """Return the web addresses in a text, as they stand there, in order; www.… without https:// too."""
    return [text[start:end] for start, end in link_spans(text, bare=True)]


# Where an address ends in running text. Japanese puts no space after it, so its characters decide:
#   punctuation (。、」）) never belongs to an address;
#   hiragana after Latin is a particle (…/articleを), also at the start of a segment (…/は) for the common
#   ones;
#   kanji and katakana belong to a path (…/wiki/2024年, …/wiki/日本の歴史), in a query only after = or more of
#   them.
# What cannot be told apart: a title that starts with a particle's letter (…/wiki/はやぶさ) ends too early,
# and text after a title in Japanese (…/wiki/日本を読む) is taken in. Both are right when a space follows or %
# encodes them.
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
    """Yield where http(s) addresses begin and end in a text, `bare` ones (www.…) too; in linear time."""
    for match in LINK.finditer(text):
        if match["scheme"] or bare:
            yield match.start(), match.start() + len(_without_tail(match[0]))


def link_at(text: str, start: int) -> str:
    """Return the http(s) address that begins at `start`, or ''."""
    match = LINK.match(text, start)
    return _without_tail(match[0]) if match and match["scheme"] else ""


def _without_tail(link: str) -> str:
    """Leave out punctuation at the end, and a bracket that was opened before the address (GFM 6.9)."""
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
    """UAX 9, BD9: drop the isolates of a line that have no partner."""
    depth, partners = [], set()
    for match in ISOLATES.finditer(line):
        if match[0] != POP_ISOLATE:
            depth.append(match.start())
        elif depth:
            partners |= {depth.pop(), match.start()}
    return ISOLATES.sub(lambda match: match[0] if match.start() in partners else "", line)
