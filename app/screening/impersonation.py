"""Recognise names that imitate the site or its moderators, by skeletons (UTS #39)."""

import re
from collections.abc import Iterable
from functools import lru_cache

import regex

from app.models import Moderator, Site
from app.spam import disguise
from app.spam.disguise import LATIN

STAFF = (
    "admin", "administrator", "moderator", "webmaster", "staff", "support", "official", "system", "editor", "owner",
    "管理人", "管理者", "運営", "運営者", "運営事務局", "事務局", "モデレーター", "編集部", "編集者", "公式",
    "スタッフ",
)  # fmt: skip
# Words that add nothing to a staff word.
FILLERS = ("the", "team", "member", "members", "of", "from", "desk", "チーム", "さん", "より", "担当", "一同", "員")
SHORTEST_SITE = 3
# Words in no person's name.
OUTRIGHT = re.compile(
    r"(?<!\w)(?:admin|administrator|moderator|webmaster)s?(?!\w)|管理人|管理者|運営事務局|編集部|もでれーたー"
)
# Look-alike characters in many fonts, in any case.
STROKES = str.maketrans({"1": "l", "i": "l", "|": "l", "!": "l", "0": "o", "5": "s", "3": "e", "4": "a", "@": "a",
                         "$": "s", "7": "t", "一": "ー", "m": "rn", "w": "vv"})  # fmt: skip

# A sign or digit for a letter, rn for m, vv for w, I within a word, l for a capital.
ODD = re.compile(r"[0-9|!@$一]|rn|vv|(?<=[a-z])I|(?<![A-Za-z])l(?=[^aeiou])")

WORD = regex.compile(r"[\p{L}\p{M}]+")
LATIN_LETTER = regex.compile(r"\p{Latin}")
# Scripts with some Latin-looking letters.
LOOKS_LATIN = regex.compile(r"[\p{Cyrillic}\p{Greek}\p{Armenian}]")
NEVER_WITH_LATIN = regex.compile(r"[\p{Cherokee}\p{Coptic}\p{Lisu}\p{Canadian_Aboriginal}]")


def mixes_alphabets(name: str) -> bool:
    """True for a word that mixes Latin letters with look-alikes such as a Cyrillic а.

    A letter without a Latin look-alike makes it a typing error: Васova.
    """
    return not name.isascii() and any(_is_mixed(word[0]) for word in WORD.finditer(name))


def _is_mixed(word: str) -> bool:
    if not LATIN_LETTER.search(word):
        return False
    foreign = LOOKS_LATIN.findall(word.casefold())
    return NEVER_WITH_LATIN.search(word) is not None or bool(foreign and all(ord(each) in LATIN for each in foreign))


def is_disguised(name: str, site: Site) -> bool:
    """True for a disguised spelling of the site's name, a moderator's name or a staff word.

    A moderator's name in its usual spelling is accepted: other people have it too.
    """
    looks, reads = _skeleton(name), _plain(name)
    names = (site.name, *(Moderator.names_on(site) if _is_odd(name, looks, reads) else ()))
    return bool(looks) and any(looks == each[0] and reads != each[1] for each in _reserved(names))


def claims_to_be_staff(name: str, site: Site) -> bool:
    """True for the site's own name, a staff word, or both, as in "Paper Admin", or a name or badge of staff."""
    if _skeleton(name) in _of_staff((site.staff_badge, *site.staff_names)):
        return True
    reads = _plain(name)
    if not reads or reads == _plain(site.name):
        return bool(reads)
    office, whole = _office(_plain(site.name))
    return bool(whole.fullmatch(reads) and office.search(reads)) or OUTRIGHT.search(disguise.fold(name)) is not None


def imitates_staff_badge(badge: str, site: Site) -> bool:
    """True for the badge of staff, a staff word, or a disguised spelling of one."""
    looks = _skeleton(badge)
    return looks in _of_staff((site.staff_badge, *STAFF)) or OUTRIGHT.search(disguise.fold(badge)) is not None


@lru_cache(maxsize=256)
def _reserved(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """How staff words and these names look and read."""
    return tuple((_skeleton(each), _plain(each)) for each in (*STAFF, *names))


@lru_cache(maxsize=256)
def _of_staff(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(_skeleton, names)) - {""}


@lru_cache(maxsize=256)
def _office(site_name: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Patterns for one or several staff words with fillers between.

    Possessive, longest word first: linear.
    """
    own = {site_name, site_name.removeprefix("the")}
    # Many names contain a shorter one.
    words = {*map(_plain, STAFF), *(each for each in own if len(each) >= SHORTEST_SITE)}
    office, fillers = _alternatives(words), _alternatives(map(_plain, FILLERS))
    return re.compile(office), re.compile(f"(?>(?>{office})s?+|{fillers})++")


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _is_odd(name: str, looks: str, reads: str) -> bool:
    """False for most names, to save a query."""
    return looks != reads.translate(STROKES) or ODD.search(name) is not None


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, disguise.fold(name)))


def _skeleton(name: str) -> str:
    clear = disguise.clear_form(disguise.fold(name)).translate(STROKES)
    return "".join(filter(str.isalnum, clear))
