"""Texts that trigger super-linear time in careless functions: each shape at any length."""

import random
from collections.abc import Callable

Shape = Callable[[int], str]
MARKS = "\u0301\u0316\u0338\u0345\u05b0\u0f71\u0f72\u3099\u302e\u302f\U0001d165\U0001d16d"


def again(piece: str) -> Shape:
    return lambda n: (piece * (n // len(piece) + 1))[:n]


def shuffled(letters: str) -> Shape:
    return lambda n: "".join(random.Random(7).choices(letters, k=n))


def behind(start: str, rest: Shape) -> Shape:
    return lambda n: (start + rest(n))[:n]


def _all_characters(n: int) -> str:
    """As many different characters as possible, to defeat caches."""
    return "".join(chr(0xA1 + place * 7 % 0xD000) for place in range(n))


def _with_marks(n: int) -> str:
    """Each character with different combining marks."""
    marks = "".join(map(chr, range(0x300, 0x370)))
    chance = random.Random(5)
    return "".join(chr(0x400 + place % 0x2000) + "".join(chance.choices(marks, k=2)) for place in range(n // 3))


SHAPES: dict[str, Shape] = {
    "marks of two classes": behind("a", again("\u0316\u0301")),
    "marks of three classes": again("\u0301\u0316\u0338"),
    "marks that are spacing": again("\U0001d16d\U0001d165"),
    "marks of all classes": shuffled(MARKS),
    "marks that grow": again("\u0344\u0316"),
    "marks after NFKC only": again("\uff9e\u0316"),
    "Tibetan marks": again("\u0f73\u0f75"),
    "letters with thirty marks": again("a" + "\u0301\u0316" * 15),
    "letters with three marks": again("a\u0316\u0301\u0338"),
    "letters with two marks": again("\u0390\u0316\u0338"),
    "letters with all marks": _with_marks,
    "all letters": _all_characters,
    "regional indicators": again("\U0001f1ef"),
    "regional indicators and joiners": again("\U0001f1ef\U0001f1f5\u200d"),
    "joined emoji": again("\U0001f468\u200d"),
    "joiners": again("\u200d"),
    "toned emoji": again("\U0001f44d\U0001f3fd"),
    "tags": again("\U0001f3f4\U000e0067"),
    "variants": again("\u845b\U000e0100"),
    "jamo": again("\u1112\u1161\u11ab"),
    "leading jamo": again("\u1100"),
    "vowel jamo": behind("\u1100", again("\u1161")),
    "prepended": again("\u0600"),
    "Indic conjuncts": again("\u0915\u094d"),
    "letters that grow by 18": again("\ufdfa"),
    "letters that grow by 5": again("\u3316"),
    "letters whose case grows": again("\u0130\u0390"),
    "half-width kana": again("ﾊﾞ"),
    "loose voicing": again("ハ゛"),
    "fonts": again("𝓯Ａ"),
    "Japanese": again("これは普通の文章です。"),
    "brackets": again("["),
    "open links": again("[a]("),
    "nested brackets": lambda n: "[" * (n // 2) + "]" * (n // 2),
    "back-ticks": again("`"),
    "back-ticks and letters": again("``a`"),
    "quotes": again("> "),
    "deeper and deeper quotes": lambda n: "\n".join(">" * (line % 60) + "a" for line in range(n // 31)),
    "lists": again("- a\n"),
    "emphasis": again("*_~`"),
    "words with stars": again("*a "),
    "words in stars": again("**a** "),
    "emphasis in Japanese": again("**「あ」**"),
    "backslashes": again("\\"),
    "tags of HTML": again("<a "),
    "entities": again("&#"),
    "digits": again("1"),
    "one long word": again("a"),
    "controls": again("\x01"),
    "NUL": again("\0"),
    "overrides": again("\u202e"),
    "isolates": again("\u2066"),
    "isolates that close": again("\u2066\u2069"),
    "spaces": again(" "),
    "wide spaces": again("\u3000"),
    "newlines": again("\n"),
    "links": again("http://a.b/(("),
    "links of www": again("www."),
    "links in links": again("http://www."),
    "links in Japanese": again("https://a.jp/ア・"),
    "hosts in Japanese": again("http://日本語.jp/ "),
    "schemes": again("://"),
    "percent signs": again("%"),
    "percent-encoded": again("%e3"),
    "dots": again("."),
    "hosts": again("a.b "),
    "punycode": again("xn--a."),
    "numbers of hosts": again("1."),
    "AMP": again(".amp"),
    "path segments": again("/.."),
    "parameters": again("&a="),
    "sessions": again(";jsessionid="),
    "at signs": again("a@"),
    "colons": again("[::"),
    "commas": again("a,"),
    "quotation marks": again("'\""),
    "spelt letters": again("b u y "),
    "spelt letters without an end": again("a_-"),
    "chopped words without an end": again("ab_."),
    "digits for letters": again("v1@gr@ "),
    "spaced kanji": again("死 "),
    "kanji in braille blanks": again("死\u2800"),
    "words of the lists": again("死ね"),
    "words of the lists, and exceptions": again("死ね死ねない"),
    "phrases of the lists": again("kill you "),
}
