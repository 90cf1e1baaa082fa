"""Whose data is asked for, and what is to become of what she wrote."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, Regexp

EMAIL_LENGTH = 254  # RFC 5321, 4.5.3.1


def _stripped(text: Any) -> Any:
    return text.strip() if isinstance(text, str) else text


class PersonForm(FlaskForm):
    email = EmailField(
        _l("Email address"),
        filters=[_stripped],
        validators=[
            InputRequired(_l("Type the email address that the reader gave.")),
            Length(max=EMAIL_LENGTH),
            Regexp(r"[^@\s]+@[^@\s]+\Z", message=_l("Type the email address that the reader gave.")),
        ],
    )


class EraseForm(PersonForm):
    text = RadioField(
        _l("What she wrote"),
        choices=[
            SelectChoice("keep", _l("stays, as that of a deleted author")),
            SelectChoice("remove", _l("is removed; places that others have answered stay empty")),
        ],
        default="keep",
    )
    sure = BooleanField(
        _l("I have made sure that she is who she says"),
        validators=[InputRequired(_l("Please confirm: what is erased cannot be brought back."))],
    )
