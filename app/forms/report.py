"""A reader's report of a comment."""

from flask_babel import lazy_gettext as _l
from wtforms import Form, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from app.forms.length import Length, cleaned
from app.lib.text import clean_body
from app.models import Reason

NOTE_LENGTH = 500  # graphemes
# Duplicates need no report by readers.
REPORTABLE = tuple(reason for reason in Reason if reason != Reason.DUPLICATE)


def _note(text: str) -> str:
    return clean_body(text).strip()


class ReportForm(Form):
    reason = RadioField(
        _l("Reason"),
        choices=[SelectChoice(reason.value, reason.label) for reason in REPORTABLE],
        validators=[InputRequired(_l("Choose a reason."))],
    )
    note = TextAreaField(
        _l("Details"), filters=[cleaned(_note, NOTE_LENGTH)],
        validators=[Length(NOTE_LENGTH)],
    )  # fmt: skip
    # A honeypot: invisible to people.
    trap = StringField(name="subject")

    @property
    def chosen(self) -> Reason:
        return Reason(self.reason.data)
