"""Whose data to export or erase, and whether their comments stay."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Regexp

from app.lib.mailbox import one_form

# An address, or "member:" and the ID of a member.
ASKED = r"(?:member:|[^@\s\x00-\x1f\x7f]+@)[^@\s\x00-\x1f\x7f]+\Z"
EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1


def _in_one_form(text: Any) -> Any:
    return one_form(text) if isinstance(text, str) else text


class PersonForm(FlaskForm):
    email = EmailField(
        _l("Email address"),
        filters=[_in_one_form],
        validators=[
            InputRequired(_l("Enter the reader’s email address.")),
            Length(max=EMAIL_LENGTH),
            Regexp(
                r"(?:member:|[^@\s\x00-\x1f\x7f]+@)[^@\s\x00-\x1f\x7f]+\Z",
                message=_l("Enter the reader’s email address."),
            ),
        ],
    )


class EraseForm(PersonForm):
    text = RadioField(
        _l("Comments"),
        choices=[
            SelectChoice("keep", _l("Keep them, shown as “Deleted author”")),
            SelectChoice("remove", _l("Delete them; a comment with replies leaves a placeholder")),
        ],
        default="keep",
    )
    sure = BooleanField(
        _l("I’ve verified this person’s identity"),
        validators=[InputRequired(_l("Confirm first: erased data cannot be restored."))],
    )
