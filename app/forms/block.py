"""The block dialog: choice, duration, reason, and what happens to pending comments."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, RadioField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.forms.length import cleaned
from app.forms.rule import REASON_LENGTH
from app.lib.text import clean_line

LONGEST = 3650  # days


class BlockForm(FlaskForm):
    what = RadioField(validate_choice=False, choices=[], validators=[InputRequired()])
    # 0: permanent.
    days = IntegerField(validators=[Optional(), NumberRange(0, LONGEST)])
    reason = StringField(validators=[Length(max=REASON_LENGTH)], filters=[cleaned(clean_line, REASON_LENGTH)])
    clear = BooleanField()
    next = HiddenField()
