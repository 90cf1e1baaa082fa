"""Which language a page speaks, and how it writes a date and on whose clock."""

from datetime import date, datetime

from flask import Flask, g, has_request_context, request
from flask_babel import format_date, format_time, get_locale

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
    return f"{format_date(moment, 'medium')} {format_time(moment, 'short')}"


def day(moment: date) -> str:
    return format_date(moment, "short")


def install(app: Flask) -> None:
    app.add_template_filter(when)
    app.add_template_filter(day)
    app.add_template_global(get_locale)
