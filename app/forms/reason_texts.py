"""The page of a site's own texts for authors of rejected comments: one for each reason and language."""

from functools import cache
from typing import Any

from flask_wtf import FlaskForm
from wtforms import TextAreaField

from app.forms.length import Length, cleaned
from app.lib.language import languages, name_of, speaking
from app.lib.text import clean_line
from app.models import Reason, Site
from app.notify.reason_texts import usual_text

LONGEST = 500  # graphemes

Texts = dict[str, dict[str, str]]


class ReasonTextsForm(FlaskForm):
    """Fields are named REASON.LANGUAGE, such as off_topic.ja. An empty one means the usual text, its placeholder."""

    def texts(self) -> Texts:
        """The typed texts; only after `validate`."""
        found: Texts = {}
        for reason, tag in _names():
            if text := self[f"{reason}.{tag}"].data:
                found.setdefault(reason, {})[tag] = text
        return found

    def fields_of(self, reason: Reason) -> list[Any]:
        return [self[f"{reason}.{tag}"] for tag in languages()]


def form_of(site: Site | None = None) -> ReasonTextsForm:
    """The form with the site's texts; without a site, with the sent ones."""
    own = site.reason_texts if site else {}
    return _form(languages())(data={f"{code}.{tag}": own[code][tag] for code in own for tag in own[code]})


@cache
def _form(_languages: tuple[str, ...]) -> type[ReasonTextsForm]:
    return type("SentReasonTexts", (ReasonTextsForm,), {f"{code}.{tag}": _field(code, tag) for code, tag in _names()})


def _field(code: Reason, tag: str) -> TextAreaField:
    with speaking(tag):
        usual = usual_text(code)
    render = {"placeholder": usual, "lang": tag, "rows": 2}
    return TextAreaField(name_of(tag), [Length(LONGEST)], filters=[cleaned(clean_line, LONGEST)], render_kw=render)


def _names() -> list[tuple[Reason, str]]:
    return [(reason, tag) for reason in Reason for tag in languages()]
