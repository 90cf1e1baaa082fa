"""Log-in and settings of a moderator."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, HiddenField, PasswordField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, ValidationError

from app.lib.language import languages
from app.models.moderator import Emails

HOURS = [SelectChoice("", "–"), *(SelectChoice(str(hour), f"{hour:02}:00") for hour in range(24))]
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


class EmailsForm(FlaskForm):
    """Emails about comments; quiet hours from and until the same hour are none."""

    emails = RadioField(
        choices=[
            SelectChoice(Emails.DIGEST.value, _l("A digest of new comments")),
            SelectChoice(Emails.BOTH.value, _l("A digest, and urgent comments at once")),
            SelectChoice(Emails.URGENT.value, _l("Only urgent comments, at once")),
            SelectChoice(Emails.NONE.value, _l("No email about comments")),
        ]
    )
    quiet_from = SelectField(choices=HOURS, default="")
    quiet_until = SelectField(choices=HOURS, default="")

    @property
    def quiet(self) -> tuple[int, int] | tuple[None, None]:
        start, end = self.quiet_from.data, self.quiet_until.data
        return (int(start), int(end)) if start and end and start != end else (None, None)


class KeysForm(FlaskForm):
    on = BooleanField()
