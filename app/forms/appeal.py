"""What an author says against a rejection."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import DataRequired

from app.forms.length import Length, cleaned
from app.lib.text import clean_body

APPEAL_LENGTH = 2000  # graphemes


def _text(text: str) -> str:
    return clean_body(text).strip()


class AppealForm(FlaskForm):
    text = TextAreaField(
        _l("Why should it be published?"),
        filters=[cleaned(_text, APPEAL_LENGTH)],
        validators=[DataRequired(_l("Please fill in this field.")), Length(APPEAL_LENGTH)],
    )
