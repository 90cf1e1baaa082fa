"""Roles, invitations, and the account of an invited person."""

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired

from app.forms.email import check_email
from app.forms.length import Length, cleaned
from app.forms.name import check_name
from app.forms.password import NewPassword
from app.lib.text import clean_line
from app.models import Role

EMAIL_LENGTH, NAME_LENGTH = 254, 80  # characters
ROLES = [
    SelectChoice(Role.MODERATOR.value, _l("Moderator")),
    SelectChoice(Role.ADMIN.value, _l("Administrator")),
    SelectChoice(Role.OWNER.value, _l("Owner")),
]


def _email(form: Any, field: Any) -> None:
    field.data = check_email(field.data)


def _name(form: Any, field: Any) -> None:
    check_name(field.data)


class InvitationForm(FlaskForm):
    email = EmailField(
        _l("Email address"), [DataRequired(_l("Enter an email address.")), Length(EMAIL_LENGTH, each=1), _email]
    )
    role = SelectField(_l("Role"), choices=ROLES)


class RoleForm(FlaskForm):
    role = SelectField(_l("Role"), choices=ROLES)


class WelcomeForm(FlaskForm):
    """For people without an account."""

    own_words: Sequence[str] = ()

    name = StringField(
        _l("Display name"),
        [DataRequired(_l("Enter your name.")), Length(NAME_LENGTH, each=1), _name],
        filters=[cleaned(clean_line, NAME_LENGTH)],
    )
    password = PasswordField(_l("Password (12 characters or more)"), [NewPassword()])
