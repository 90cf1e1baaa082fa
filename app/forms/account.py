"""Log-in and settings of a moderator."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired, Length, ValidationError

from app.lib.language import languages

# Bounds the time of argon2.
MOST_PASSWORD = 1000


class LoginForm(FlaskForm):
    email = EmailField(_l("Email"), [InputRequired(_l("Enter your email address.")), Length(max=254)])
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter your password.")), Length(max=MOST_PASSWORD)])
    next = HiddenField()
    lang = HiddenField()


class LanguageForm(FlaskForm):
    lang = StringField()

    def validate_lang(self, control: StringField) -> None:
        if control.data not in languages():
            raise ValidationError


class KeysForm(FlaskForm):
    on = BooleanField()
