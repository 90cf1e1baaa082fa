"""A checker: name, address, time limit, thresholds and languages; and a text to try it with."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField, TextAreaField
from wtforms.validators import InputRequired, NumberRange

from app.desk.checkers import LONGEST_TRIED
from app.forms.length import Length, cleaned
from app.lib.text import clean_line
from app.models import Checker, Mode
from app.models.checker import LEAST_PRECISION, LONGEST_NAME, LONGEST_URL, PERCENT, SECONDS

MODES: dict[Mode, Any] = {
    Mode.SHADOW: _l("Shadow: its answers are only counted"),
    Mode.HOLD: _l("Hold: its answers can hold comments for review"),
    Mode.OFF: _l("Off: it is not asked"),
}
NUMERIC = {"inputmode": "numeric"}


class CheckerForm(FlaskForm):
    name = StringField(
        _l("Name"),
        [InputRequired(_l("Enter a name. Moderators see it on the card.")), Length(LONGEST_NAME, each=1)],
        filters=[cleaned(clean_line, LONGEST_NAME)],
    )
    endpoint = StringField(
        _l("Address"),
        [InputRequired(_l("Enter the address that takes the questions.")), Length(LONGEST_URL, each=1)],
        filters=[lambda text: (text or "").strip()],
        render_kw={"inputmode": "url", "placeholder": "https://"},
    )
    timeout_s = IntegerField(
        _l("Time limit in seconds"), [NumberRange(SECONDS[0], SECONDS[-1])], default=5, render_kw=NUMERIC
    )
    threshold = IntegerField(
        _l("Hold from this confidence (percent)"), [NumberRange(PERCENT[0], PERCENT[-1])], default=80, render_kw=NUMERIC
    )
    least_precision = IntegerField(
        _l("Of the held comments, moderators must reject at least (percent)"),
        [NumberRange(LEAST_PRECISION[0], LEAST_PRECISION[-1])],
        default=50,
        render_kw=NUMERIC,
    )
    langs = StringField(
        _l("Only these languages (optional)"), [Length(200, each=1)], render_kw={"placeholder": "ja, en"}
    )

    @property
    def settings(self) -> dict[str, Any]:
        numbers = {name: self[name].data for name in ("timeout_s", "threshold", "least_precision")}
        langs = tags_in(self.langs.data or "")
        return {"name": self.name.data, "url": self.endpoint.data, "langs": langs, **numbers}

    def blame(self, field: str | None, sentence: str) -> None:
        self["endpoint" if field == "url" else field or "name"].errors = [sentence]

    @classmethod
    def of(cls, checker: Checker) -> "CheckerForm":
        form = cls(formdata=None, obj=checker, endpoint=checker.url)
        form.langs.data = ", ".join(checker.langs)
        return form


class TryForm(FlaskForm):
    text = TextAreaField(_l("Text"), [InputRequired(_l("Enter a text.")), Length(LONGEST_TRIED, each=1)])


def tags_in(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(",") if part.strip()]
