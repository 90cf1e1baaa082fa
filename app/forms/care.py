"""What a moderator wants to be spared, and the hand-over note."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Length

from app.lib.text import clean_body
from app.models.handover import LONGEST

OFF = SelectChoice("0", _l("Off"))


class CareForm(FlaskForm):
    cover_hard = BooleanField()
    hard_in_a_row = SelectField(choices=[OFF, *(SelectChoice(str(each), str(each)) for each in (2, 3, 5, 10, 20))])
    pause_minutes = SelectField(choices=[OFF, *(SelectChoice(str(each), str(each)) for each in (20, 30, 45, 60, 90))])


class HandoverForm(FlaskForm):
    """`clear` ends the note."""

    site = StringField()
    text = TextAreaField(filters=[lambda text: clean_body(text or "").strip()], validators=[Length(max=LONGEST)])
    next = HiddenField()
