"""What a moderator decides, and which version of the comment she had before her eyes."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, StringField
from wtforms.validators import AnyOf, InputRequired

from app.models import Status

# `deleted` is the author's or the eraser's act.
MODERATED = (Status.PENDING, Status.APPROVED, Status.REJECTED, Status.SPAM)


class DecisionForm(FlaskForm):
    status = StringField(validators=[AnyOf([str(status) for status in MODERATED])])
    seen = IntegerField(validators=[InputRequired()])
    next = HiddenField()


class UndoForm(FlaskForm):
    next = HiddenField()
