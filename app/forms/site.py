"""The settings of a site: what may be typed, how it is read; one truth for the page and for `flask site set`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import ValidationError

from app.lib.language import languages, name_of
from app.lib.names import is_invisible
from app.lib.secrets import is_unreadable
from app.lib.text import clean_line
from app.lib.urls import clean_website, origin
from app.models import Site
from app.screening.impersonation import mixes_alphabets

NAME_LENGTH = 200
MOST_ORIGINS = 100  # they stand in a header of each page
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
    """A setting of a site. `parse` raises ValueError or KeyError for what is not `allowed`."""

    allowed: Any
    parse: Callable[[str], Any]
    choices: Callable[[], list[tuple[str, Any]]] | None = None
    longest: int | None = None
    digits: bool = False


def _whole(low: int, high: int) -> Field:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return Field(_l("a whole number from %(low)d to %(high)d", low=low, high=high), parse, digits=True)


def _lang(text: str) -> str:
    if text not in languages():
        raise ValueError
    return text


def _languages() -> list[tuple[str, Any]]:
    return [(tag, name_of(tag)) for tag in languages()]


def _name(text: str) -> str:
    name = clean_line(text)
    if not 1 <= len(name) <= NAME_LENGTH or is_invisible(name) or mixes_alphabets(name):
        raise ValueError
    return name


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError
    return text


def _origins(text: str) -> list[str]:
    """Origins as browsers write them, each once, in the order given."""
    typed = [part for part in re.split(r"[,\s]+", text) if part]
    if not 1 <= len(typed) <= MOST_ORIGINS:
        raise ValueError
    return list(dict.fromkeys(map(origin, typed)))


def _key(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z_-]{0,100}", text):
        raise ValueError
    return text


YES_NO = Field("yes or no", lambda text: WORDS[text.lower()])
ORIGINS = Field(_l("comma-separated origins such as https://www.example.org, without a path"), _origins)
FIELDS = {
    "name": Field(
        _l("a name of 1 to 200 characters that can be seen, each word in one alphabet"), _name, longest=NAME_LENGTH
    ),
    "lang": Field(LazyString(lambda: ", ".join(languages())), _lang, _languages),
    "timezone": Field(_l("a time zone such as Asia/Tokyo or Europe/Berlin"), _timezone),
    "origins": ORIGINS,
    "open": YES_NO,
    "name_required": YES_NO,
    "email_required": YES_NO,
    "website_required": YES_NO,
    "max_depth": _whole(0, 10),
    "page_size": _whole(10, 200),
    "edit_minutes": _whole(0, 1440),
    "hold_all": YES_NO,
    "approvals_needed": _whole(0, 100),
    "max_links": _whole(0, 100),
    "hold_blocked": YES_NO,
    "min_seconds": _whole(0, 60),
    "score_acts": YES_NO,
    "score_spam_from": _whole(50, 101),
    "score_hold_from": _whole(0, 101),
    "score_publishes": YES_NO,
    "flood_per_author": _whole(0, 10_000),
    "daily_per_author": _whole(0, 10_000),
    "flood_per_address": _whole(0, 100_000),
    "flood_per_site": _whole(0, 100_000),
    "akismet_key": Field(_l("a key as Akismet gives it, or nothing"), _key),
    "akismet_blog": Field(_l("an address such as https://www.example.org, or nothing"), clean_website),
    "close_after_days": _whole(0, 36_500),
    "keep_address_days": _whole(0, 36_500),
    "keep_spam_days": _whole(0, 36_500),
    "keep_revision_days": _whole(0, 36_500),
    "reports_needed": _whole(0, 1000),
    "reports_to_hide": _whole(0, 1000),
    "public_summary": YES_NO,
}

# As the page shows them; each setting stands here once, with what it does.
GROUPS: tuple[tuple[Any, dict[str, Any]], ...] = (
    (
        _l("The site"),
        {
            "name": _l("What readers and moderators know it by"),
            "lang": _l("Language"),
            "timezone": _l("Time zone"),
            "origins": _l("Where its pages are, such as https://www.example.org; one on each line"),
        },
    ),
    (
        _l("The form"),
        {
            "open": _l("New comments are taken"),
            "name_required": _l("A name is required"),
            "email_required": _l("An email address is required"),
            "website_required": _l("A website is required"),
            "edit_minutes": _l("Minutes for which an author may edit"),
            "close_after_days": _l("Days after which a page takes no more comments; 0: never"),
        },
    ),
    (
        _l("The thread"),
        {
            "max_depth": _l("How deep replies are shown"),
            "page_size": _l("Comments on a page"),
        },
    ),
    (
        _l("What is held"),
        {
            "hold_all": _l("Every comment waits for a moderator"),
            "approvals_needed": _l("Approved comments before an author’s next ones do not wait"),
            "max_links": _l("Links from which a comment waits; 0: no limit"),
            "hold_blocked": _l("What is blocked waits for a moderator, instead of becoming spam"),
            "min_seconds": _l("Seconds after the first key in which nobody can have written a comment; 0: not asked"),
            "score_acts": _l("The learnt score decides with the other checks; otherwise it is only shown"),
            "score_spam_from": _l("Learnt score, in hundredths, from which a comment is spam; 101: never"),
            "score_hold_from": _l("Learnt score, in hundredths, from which a comment waits; 101: never"),
            "score_publishes": _l("Below that, comments of authors who were approved before do not wait"),
            "flood_per_author": _l("Comments that an author may post in a minute; 0: no limit"),
            "daily_per_author": _l("Comments that an author may post in a day; 0: no limit"),
            "flood_per_address": _l("Comments that a network may post in a minute; 0: no limit"),
            "flood_per_site": _l("Comments in a minute from which all are held for a while; 0: what is learnt"),
        },
    ),
    (
        _l("What is kept"),
        {
            "keep_address_days": _l("Days for which networks are kept; 0: for ever"),
            "keep_spam_days": _l("Days for which the text of spam is kept; 0: for ever"),
            "keep_revision_days": _l("Days for which earlier texts are kept; 0: for ever"),
        },
    ),
    (
        "Akismet",
        {
            "akismet_key": _l("Key; with one, each new comment waits until Akismet has answered"),
            "akismet_blog": _l("Address of the site, as the key knows it; empty: its first address above"),
        },
    ),
    (
        _l("What others see and say"),
        {
            "reports_needed": _l("Readers’ reports that bring a comment to the urgent lane; 0: none do"),
            "reports_to_hide": _l("Readers’ reports that hide a comment until a moderator has looked; 0: none do"),
            "public_summary": _l("Everybody may read how many comments were decided, why and how fast"),
        },
    ),
)


class SettingsForm(FlaskForm):
    """All settings of a site, each as the text that one would type; its fields are made from FIELDS."""

    @classmethod
    def of(cls, site: Site) -> "SettingsForm":
        return cls(data={name: typed(getattr(site, name)) for name in FIELDS})

    def values(self) -> dict[str, Any]:
        """What was typed, read; only after `validate`."""
        return {name: _read(self[name], setting) for name, setting in FIELDS.items()}


def typed(value: Any) -> Any:
    if is_unreadable(value):
        return ""
    return "\n".join(value) if isinstance(value, list) else value if isinstance(value, bool) else str(value)


def _read(control: Any, setting: Field) -> Any:
    return control.data if setting is YES_NO else setting.parse((control.data or "").strip())


def _may_be_read(setting: Field) -> Callable[[Any, Any], None]:
    def check(form: Any, control: Any) -> None:
        try:
            _read(control, setting)
        except (ValueError, KeyError):
            raise ValidationError(_("This must be %(allowed)s.", allowed=setting.allowed)) from None

    check.field_flags = {"required": not _may_be_empty(setting)}  # type: ignore[attr-defined]
    return check


def _may_be_empty(setting: Field) -> bool:
    try:
        setting.parse("")
    except (ValueError, KeyError):
        return False
    return True


def _control(setting: Field, label: Any) -> Any:
    if setting is YES_NO:
        return BooleanField(label)
    if setting.choices:
        return SelectField(label, choices=setting.choices)
    kind = TextAreaField if setting is ORIGINS else StringField
    limit = {"maxlength": setting.longest} if setting.longest else {}
    return kind(label, [_may_be_read(setting)], render_kw=limit | ({"inputmode": "numeric"} if setting.digits else {}))


for _heading, labels in GROUPS:
    for each, label in labels.items():
        setattr(SettingsForm, each, _control(FIELDS[each], label))
