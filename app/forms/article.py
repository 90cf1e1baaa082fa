"""The state of an article's comments."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import AnyOf, Optional

from app.forms.length import Length, cleaned
from app.lib.text import clean_line
from app.models import State
from app.models.thread_change import LONGEST_REASON


class StateForm(FlaskForm):
    state = StringField(validators=[AnyOf([*map(str, State)])])
    reason = StringField(validators=[Optional(), Length(LONGEST_REASON)], filters=[cleaned(clean_line, LONGEST_REASON)])
    next = HiddenField()
