"""Settings of a site: allowed values and parsing, for the page and `flask site set`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from babel import Locale
from babel.dates import get_timezone_location
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from app.forms.length import CODE_POINTS_PER_GRAPHEME
from app.lib.language import languages, name_of, tag_now
from app.lib.names import is_invisible
from app.lib.text import clean_line
from app.lib.urls import clean_website, origin
from app.models import Role
from app.models.badge import LONGEST_BADGE
from app.models.commenters import Commenters
from app.screening.impersonation import mixes_alphabets

NAME_LENGTH = 200
SENTENCE_LENGTH = 300
MOST_ORIGINS = 100  # they are sent in a header of each page
WORDS = {
    "yes": True,
    "true": True,
    "on": True,
    "1": True,
    "no": False,
    "false": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True)
class Field:
    """`parse` raises ValueError or KeyError for a value that is not `allowed`."""

    allowed: Any
    parse: Callable[[str], Any]
    choices: Callable[[], list[tuple[str, Any]]] | None = None
    longest: int | None = None
    digits: bool = False
    # Stored number that means off.
    off: int | None = None


def _whole(low: int, high: int, off: int | None = None) -> Field:
    def parse(text: str) -> int:
        number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
        if number != off and not low <= number <= high:
            raise ValueError
        return number

    return Field(_l("a whole number from %(low)d to %(high)d", low=low, high=high), parse, digits=True, off=off)


def _lang(text: str) -> str:
    if text not in languages():
        raise ValueError
    return text


def _languages() -> list[tuple[str, Any]]:
    return [(tag, name_of(tag)) for tag in languages()]


def _name(text: str) -> str:
    if len(text) > NAME_LENGTH * CODE_POINTS_PER_GRAPHEME:
        raise ValueError
    name = clean_line(text)
    if not 1 <= len(name) <= NAME_LENGTH or is_invisible(name) or mixes_alphabets(name):
        raise ValueError
    return name


def _sentence(text: str) -> str:
    if len(text) > SENTENCE_LENGTH * CODE_POINTS_PER_GRAPHEME:
        raise ValueError
    sentence = clean_line(text)
    if len(sentence) > SENTENCE_LENGTH or is_invisible(sentence):
        raise ValueError
    return sentence


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError
    return text


def _timezones() -> list[tuple[str, Any]]:
    return _named_timezones(tag_now())


@lru_cache(maxsize=8)
def _named_timezones(lang: str) -> list[tuple[str, Any]]:
    """Zones by name, with the city in this language where the name alone does not tell it."""
    named = []
    for zone in sorted(available_timezones()):
        try:
            city = get_timezone_location(zone, locale=Locale.parse(lang, sep="-"), return_city=True)
        except LookupError:  # a zone without data, such as Factory
            city = ""
        told = zone.rpartition("/")[2].replace("_", " ")
        named.append((zone, zone if city in ("", told) else f"{zone} ({city})"))
    return named


def _origins(text: str) -> list[str]:
    typed = [part for part in re.split(r"[,\s]+", text) if part]
    if not 1 <= len(typed) <= MOST_ORIGINS:
        raise ValueError
    return list(dict.fromkeys(map(origin, typed)))


def _key(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z_-]{0,100}", text):
        raise ValueError
    return text


def _badge(text: str) -> str:
    badge = _sentence(text)
    if len(badge) > LONGEST_BADGE or mixes_alphabets(badge):
        raise ValueError
    return badge


def _roles() -> list[tuple[str, Any]]:
    return [
        (Role.MODERATOR.value, _l("Moderator")),
        (Role.ADMIN.value, _l("Administrator")),
        (Role.OWNER.value, _l("Owner")),
    ]


BADGE = Field(_l("a word of at most 40 characters, or nothing"), _badge, longest=LONGEST_BADGE)
ROLE = Field(LazyString(lambda: ", ".join(Role)), lambda text: Role(text).value, _roles)
COMMENTERS = Field(
    LazyString(lambda: ", ".join(Commenters)),
    lambda text: Commenters(text).value,
    lambda: [(Commenters.EVERYONE.value, _l("Everyone")), (Commenters.MEMBERS.value, _l("Members only"))],
)
YES_NO = Field("yes or no", lambda text: WORDS[text.lower()])
ORIGINS = Field(_l("comma-separated origins such as https://www.example.org, without a path"), _origins)
FIELDS = {
    "name": Field(_l("a name of 1 to 200 visible characters, each word in one alphabet"), _name, longest=NAME_LENGTH),
    "lang": Field(LazyString(lambda: ", ".join(languages())), _lang, _languages),
    "timezone": Field(_l("a time zone such as Asia/Tokyo or Europe/Berlin"), _timezone, _timezones),
    "origins": ORIGINS,
    "open": YES_NO,
    "commenters": COMMENTERS,
    "login_url": Field(_l("a URL such as https://www.example.org/login, or nothing"), clean_website),
    "name_required": YES_NO,
    "email_required": YES_NO,
    "website_required": YES_NO,
    "max_depth": _whole(0, 10),
    "page_size": _whole(10, 200),
    "live_updates": YES_NO,
    "index_thread": YES_NO,
    "edit_minutes": _whole(1, 1440, off=0),
    "hold_all": YES_NO,
    "approvals_needed": _whole(1, 100, off=0),
    "max_links": _whole(1, 100, off=0),
    "hold_blocked": YES_NO,
    "min_seconds": _whole(1, 60, off=0),
    "hold_no_japanese": YES_NO,
    "least_japanese": _whole(2, 100, off=0),
    "hold_phone_numbers": YES_NO,
    "hold_postal_addresses": YES_NO,
    "hold_my_numbers": YES_NO,
    "hold_emails": YES_NO,
    "score_acts": YES_NO,
    "hold_one_in": _whole(20, 2000, off=0),
    "spam_one_in": _whole(20, 2000, off=0),
    "score_publishes": YES_NO,
    "settle_days": _whole(1, 365, off=0),
    "flood_per_author": _whole(1, 10_000, off=0),
    "daily_per_author": _whole(1, 10_000, off=0),
    "flood_per_address": _whole(1, 100_000, off=0),
    "flood_per_site": _whole(1, 100_000, off=0),
    "akismet_key": Field(_l("an Akismet API key, or nothing"), _key),
    "akismet_blog": Field(_l("a URL such as https://www.example.org, or nothing"), clean_website),
    "close_after_days": _whole(1, 36_500, off=0),
    "staff_badge": BADGE,
    "staff_role": ROLE,
    "keep_address_days": _whole(1, 36_500, off=0),
    "keep_spam_days": _whole(1, 36_500, off=0),
    "keep_revision_days": _whole(1, 36_500, off=0),
    "keep_vote_days": _whole(1, 36_500, off=0),
    "keep_notice_days": _whole(1, 36_500, off=0),
    "reports_needed": _whole(1, 1000, off=0),
    "reports_to_hide": _whole(1, 1000, off=0),
    "notices": YES_NO,
    "notice_days": _whole(1, 90),
    "brake_decisions": _whole(2, 50, off=0),
    "brake_percent": _whole(1, 99),
    "brake_reports": _whole(2, 1000, off=0),
    "brake_minutes": _whole(1, 10_080),
    "public_summary": YES_NO,
    "second_opinions": _whole(1, 100, off=0),
    "votes": YES_NO,
}
