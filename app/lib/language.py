"""Which language a page speaks, and how it writes a date and on whose clock."""

from datetime import date, datetime, time
from functools import lru_cache
from gettext import NullTranslations
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time
from flask import Flask, g, has_request_context, request
from flask_babel import get_locale, get_translations

LANGUAGES = ("ja", "en")


def choose() -> str:
    """The page's choice, else what the browser asks for."""
    if not has_request_context():
        return LANGUAGES[0]
    return g.get("lang") or request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def speak(wanted: str, otherwise: str, timezone: str = "UTC") -> str:
    """Set the language of this answer: `wanted` if we speak it (ja, en, en-GB ...), else `otherwise`."""
    g.timezone = timezone
    g.lang = next((lang for lang in (wanted[:2].lower(), otherwise) if lang in LANGUAGES), LANGUAGES[0])
    return g.lang


def clock() -> str:
    """The time zone of this answer: the site's, else UTC."""
    return g.get("timezone", "UTC") if has_request_context() else "UTC"


def when(moment: datetime) -> str:
    """A moment as people write it, on the clock of the site."""
    here, locale = moment.astimezone(_zone(clock())), get_locale()
    return f"{_day(here.date(), locale)} {_minute(here.hour, here.minute, locale)}"


# A page has fifty moments of a few days, and a day has 1,440 minutes: Babel takes longer for them than for all else.
@lru_cache(maxsize=4096)
def _day(day: date, locale: Locale) -> str:
    return format_date(day, "medium", locale)


@lru_cache(maxsize=2 * 1440)
def _minute(hour: int, minute: int, locale: Locale) -> str:
    return format_time(time(hour, minute), "short", locale=locale)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def day(moment: date) -> str:
    return format_date(moment, "short", get_locale())


# A page of the desk has six hundred sentences, and Flask-Babel would find out for each of them which application,
# directory and language this is. An application has one catalogue for a language.
@lru_cache
def _catalogue(_locale: Locale) -> NullTranslations:
    return get_translations()


def _said(sentence: str) -> str:
    return _catalogue(get_locale()).gettext(sentence)


def _said_of_many(one: str, many: str, count: int) -> str:
    return _catalogue(get_locale()).ngettext(one, many, count)


def install(app: Flask) -> None:
    app.jinja_env.install_gettext_callables(_said, _said_of_many, newstyle=True)  # type: ignore[attr-defined]
    app.add_template_filter(when)
    app.add_template_filter(day)
    app.add_template_global(get_locale)
