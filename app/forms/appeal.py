"""An author's appeal."""

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
        _l("Tell us why it should be published"),
        filters=[cleaned(_text, APPEAL_LENGTH)],
        validators=[DataRequired(_l("Tell us why your comment should be published.")), Length(APPEAL_LENGTH)],
    )
