"""A reply by staff, and its later edit."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, NumberRange

from app.forms.comment import BODY_LENGTH, NAME_LENGTH, REQUIRED
from app.forms.length import Length, cleaned
from app.forms.name import check_name
from app.lib import ids
from app.lib.text import clean_body, clean_line

_body = cleaned(lambda text: clean_body(text).strip("\n").rstrip(), BODY_LENGTH)


class StaffEditForm(FlaskForm):
    body = TextAreaField(filters=[_body], validators=[DataRequired(REQUIRED["body"]), Length(BODY_LENGTH)])
    next = HiddenField()


class StaffReplyForm(StaffEditForm):
    name = StringField(
        filters=[cleaned(clean_line, NAME_LENGTH)], validators=[DataRequired(REQUIRED["name"]), Length(NAME_LENGTH)]
    )
    seen = IntegerField(validators=[InputRequired(), NumberRange(0, ids.MOST)])

    def validate_name(self, field: StringField) -> None:
        check_name(field.data or "")
