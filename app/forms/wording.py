"""The site's own words in one language: fields, limits and a preview, for the page and `flask site words`."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Form, StringField, TextAreaField, URLField
from wtforms.validators import ValidationError

from app.forms.length import Length, cleaned
from app.lib import markup
from app.lib.text import clean_body, clean_line
from app.lib.urls import MAX_LENGTH, clean_website
from app.models import Wording
from app.models.wording import LONGEST_FOOTER, LONGEST_INTRO, LONGEST_NOTICE, LONGEST_VERSION

TEXTS = ("intro", "rules_url", "rules_version", "closed_text", "held_text", "email_footer")


def _text(label: Any, help: Any, most: int) -> TextAreaField:
    return TextAreaField(label, [Length(most)], [cleaned(_lines, most)], help, render_kw={"rows": 5})


def _lines(text: str) -> str:
    return clean_body(text).strip()


def _line(label: Any, help: Any, most: int) -> StringField:
    # As long as the column, which counts code points.
    return StringField(label, [Length(most, each=1)], [cleaned(clean_line, most, each=1)], help)


def _address(_form: Form, field: Any) -> None:
    try:
        field.data = clean_website(field.data or "")
    except ValueError as trouble:
        raise ValidationError(_l("Enter a full URL, for example https://example.org.")) from trouble


class _Fields:
    intro_shown = BooleanField(_l("Show a text above the comment form"), default=True)
    intro = _text(
        _l("Text above the comment form"),
        _l("A few sentences. Formatting as in comments: **bold**, links, lists. If empty, readers see our sentence."),
        LONGEST_INTRO,
    )
    rules_url = URLField(
        _l("Link to your full house rules"), [Length(MAX_LENGTH), _address],
        [cleaned(str.strip, MAX_LENGTH)], _l("The URL of a page of yours."),
    )  # fmt: skip
    rules_version = _line(
        _l("Version of the house rules"),
        _l(
            "With a version, such as 2026-11, readers must tick “I accept the house rules” before they post. "
            "Change it to ask everyone again. It is stored with each comment."
        ),
        LONGEST_VERSION,
    )
    closed_text = _line(
        _l("Text where comments are closed"), _l("If empty, readers see “Comments are closed.”"), LONGEST_NOTICE
    )
    held_text = _line(
        _l("Text where all new comments are held"),
        _l("If empty, readers see “New comments on this article appear after review.”"),
        LONGEST_NOTICE,
    )
    email_footer = _text(
        _l("Footer of emails to readers"), _l("For example your address and contact. Plain text."), LONGEST_FOOTER
    )

    def values(self) -> dict[str, Any]:
        """The columns; only after `validate`."""
        texts = {name: getattr(self, name).data or "" for name in TEXTS}
        return texts | {"intro_shown": bool(self.intro_shown.data), "html": markup.render(texts["intro"])}


class TypedWording(_Fields, Form):
    """For the command line."""


class WordingForm(_Fields, FlaskForm):
    @classmethod
    def of(cls, wording: Wording | None) -> "WordingForm":
        return cls(obj=wording)
