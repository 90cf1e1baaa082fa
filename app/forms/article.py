"""The state of an article's comments."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from app.forms.length import Length, cleaned
from app.lib.text import clean_line
from app.models import State
from app.models.thread_change import LONGEST_REASON


class StateForm(FlaskForm):
    state = RadioField(choices=[SelectChoice(state.value, state.value) for state in State])
    reason = StringField(validators=[Optional(), Length(LONGEST_REASON)], filters=[cleaned(clean_line, LONGEST_REASON)])
    next = HiddenField()
