"""Languages of the interface: installed ones, the one of a response, and its dates and times."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from gettext import NullTranslations
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_time, format_timedelta
from flask import Flask, g, has_request_context, request
from flask_babel import force_locale, get_locale, get_translations, gettext
from werkzeug.datastructures import LanguageAccept

from app.lib.clock import now

TRANSLATIONS = Path(__file__).parent.parent / "translations"
DEFAULT = "ja"
# The messages in the source are English; English has no catalogue.
SOURCE = "en"
LONGEST = 8  # characters: the width of the language columns
# RFC 5646, 4.4.1.
LONGEST_ASKED = 35
# Languages of a header that are looked up; browsers send some ten. An unknown tag takes a tenth of a millisecond.
MOST_ASKED = 20


@cache
def languages() -> tuple[str, ...]:
    """Tags such as ja, pt-BR, zh-Hant (BCP 47), the default first."""
    folders = (path.parent.parent.name for path in TRANSLATIONS.glob("*/LC_MESSAGES/messages.mo"))
    found = {SOURCE, *(name.replace("_", "-") for name in folders)}
    for tag in found:
        Locale.parse(tag, sep="-")
        if len(tag) > LONGEST:
            raise ValueError(f"{TRANSLATIONS}: the language tag {tag} is longer than {LONGEST} characters.")
    return tuple(sorted(found, key=lambda tag: (tag != DEFAULT, tag != SOURCE, tag)))


def name_of(tag: str) -> str:
    """A language's own name: 日本語, English, português (Brasil)."""
    return Locale.parse(tag, sep="-").get_display_name() or tag


def matching(tag: str) -> str:
    """Return the installed language for a tag such as en-GB or zh-Hant-TW, or ''."""
    return _matching(tag.replace("_", "-").lower(), languages()) if len(tag) <= LONGEST_ASKED else ""


@lru_cache(maxsize=1024)
def _matching(tag: str, installed: tuple[str, ...]) -> str:
    """RFC 4647, 3.4 (drop subtags from the end); else by language and script (zh-TW)."""
    by_tag = {each.lower(): each for each in installed}
    parts = tag.split("-")
    shorter = ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
    exact = next((by_tag[each] for each in shorter if each in by_tag), "")
    return exact or next((each for each in installed if _script(each) == _script(tag) != ""), "")


def _script(tag: str) -> str:
    """Language and script by CLDR's likely subtags, such as zh-Hant for zh-TW; '' for an unknown tag."""
    try:
        locale = Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return ""
    if locale.script:
        return f"{locale.language}-{locale.script}"
    likely = get_global("likely_subtags")
    full = likely.get(f"{locale.language}_{locale.territory}") or likely.get(locale.language, "")
    return "-".join(full.split("_")[:2])


def preferred(accepted: LanguageAccept) -> str:
    """Return the installed language that an Accept-Language header likes best, or ''."""
    asked = islice(accepted, MOST_ASKED)
    return next((found for tag, quality in asked if quality > 0 and (found := matching(tag))), "")


def choose() -> str:
    """Tag of this response's language: set by `speak`, else the browser's, else the default."""
    if not has_request_context():
        return DEFAULT
    return g.get("lang") or preferred(request.accept_languages) or DEFAULT


def speak(wanted: str, otherwise: str, timezone: str = "UTC") -> str:
    """Set the language of this response: for `wanted` if installed, else for `otherwise`."""
    g.timezone = timezone
    lang = g.lang = matching(wanted) or matching(otherwise) or DEFAULT
    return lang


def use_clock(timezone: str) -> None:
    """Set the time zone of this response."""
    g.timezone = timezone


def speaking(tag: str) -> AbstractContextManager[None]:
    """Use the language for `tag` inside a `with` block."""
    return force_locale(locale_name(matching(tag) or DEFAULT))


def listed(texts: Iterable[str]) -> str:
    """Join texts with the list separator of the current language."""
    return gettext(", ").join(texts)


def tag_now() -> str:
    return str(get_locale()).replace("_", "-")


def locale_name(tag: str) -> str:
    """Babel and gettext write pt_BR, HTML and HTTP pt-BR."""
    return tag.replace("-", "_")


def locale_now() -> str:
    return locale_name(choose())


def clock() -> str:
    """Time zone of this response: the site's, else UTC."""
    return g.get("timezone", "UTC") if has_request_context() else "UTC"


def when(moment: datetime) -> str:
    """A formatted date and time in the site's time zone."""
    here, locale = moment.astimezone(_zone(clock())), get_locale()
    return f"{_day(here.date(), locale)} {_minute(here.hour, here.minute, locale)}"


def long_day(moment: datetime, timezone: str) -> str:
    """The day of a moment in words, for emails."""
    return format_date(moment.astimezone(_zone(timezone)).date(), "long", get_locale())


def clock_time(moment: datetime) -> str:
    """The time of a moment of today, else its day."""
    zone = _zone(clock())
    here, today = moment.astimezone(zone), now().astimezone(zone)
    same_day = here.date() == today.date()
    return _minute(here.hour, here.minute, get_locale()) if same_day else day(here.date())


# Babel is slow, and a page's fifty timestamps fall into few minutes.
@lru_cache(maxsize=4096)
def _day(day: date, locale: Locale) -> str:
    return format_date(day, "medium", locale)


@lru_cache(maxsize=2 * 1440)
def _minute(hour: int, minute: int, locale: Locale) -> str:
    return format_time(time(hour, minute), "short", locale=locale)


@lru_cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone_at(moment: datetime) -> str:
    """The short name of the site's time zone at a moment, such as JST or UTC+03."""
    name = moment.astimezone(_zone(clock())).tzname() or ""
    return f"UTC{name}" if name[:1] in "+-" else name


def duration(span: timedelta) -> str:
    """Such as "2 hours", rounded to one unit."""
    return format_timedelta(span, threshold=1.0, locale=get_locale())


def plural_forms(sentence: Callable[[int], str]) -> dict[str, str]:
    """The sentence for each plural category of the current language (CLDR), with {n} for the number."""
    rule = (get_locale() or Locale(SOURCE)).plural_form
    samples = {rule(number): number for number in range(200, -1, -1)}
    return {category: sentence(number).replace(str(number), "{n}") for category, number in samples.items()}


def day(moment: date) -> str:
    return format_date(moment, "short", get_locale())


# A moderation page has six hundred messages; Flask-Babel would resolve application, directory and language for each.
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
    app.add_template_filter(clock_time, "clock")
    app.add_template_filter(day)
    app.add_template_filter(duration, "span")
    app.add_template_filter(listed)
    app.add_template_global(tag_now)
    app.add_template_global(clock)
    app.add_template_global(languages)
    app.add_template_global(name_of, "language_name")
