"""Log-in, and the forms of the account page."""

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, Form, HiddenField, PasswordField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, InputRequired, Length, ValidationError

from app.forms.comment import NAME_LENGTH as ALIAS_LENGTH
from app.forms.email import check_email
from app.forms.length import Length as Graphemes
from app.forms.length import cleaned
from app.forms.members import EMAIL_LENGTH, NAME_LENGTH
from app.forms.name import check_name
from app.forms.password import NewPassword
from app.lib.language import languages
from app.lib.passwords import MAX_TYPED
from app.lib.text import clean_line
from app.models.moderator import Emails

HOURS = [SelectChoice("", "–"), *(SelectChoice(str(hour), f"{hour:02}:00") for hour in range(24))]


class LoginForm(FlaskForm):
    email = EmailField(_l("Email"), [InputRequired(_l("Enter your email address.")), Length(max=254)])
    password = PasswordField(_l("Password"), [InputRequired(_l("Enter your password.")), Length(max=MAX_TYPED)])
    next = HiddenField()
    lang = HiddenField()


class ResetForm(FlaskForm):
    email = EmailField(_l("Email"), [InputRequired(_l("Enter your email address.")), Length(max=254)])

    def validate_email(self, field: EmailField) -> None:
        field.data = check_email(field.data or "")


class NewPasswordForm(FlaskForm):
    own_words: Sequence[str] = ()

    password = PasswordField(_l("New password (12 characters or more)"), [NewPassword()])


class AddressForm(FlaskForm):
    email = EmailField(
        _l("New email address"), [InputRequired(_l("Enter an email address.")), Graphemes(EMAIL_LENGTH, each=1)]
    )

    def validate_email(self, field: EmailField) -> None:
        field.data = check_email(field.data or "")


class NameForm(FlaskForm):
    name = StringField(
        _l("Display name"),
        [DataRequired(_l("Enter your name.")), Graphemes(NAME_LENGTH, each=1)],
        filters=[cleaned(clean_line, NAME_LENGTH)],
    )

    def validate_name(self, field: StringField) -> None:
        check_name(field.data or "")


class AliasForm(Form):
    """The name above one's replies on one site, which is the prefix; '' for the site's name."""

    alias = StringField(filters=[cleaned(clean_line, ALIAS_LENGTH)], validators=[Graphemes(ALIAS_LENGTH)])

    def validate_alias(self, field: StringField) -> None:
        check_name(field.data or "")


class PasswordForm(FlaskForm):
    own_words: Sequence[str] = ()

    current_password = PasswordField(
        _l("Current password"), [InputRequired(_l("Enter your password.")), Length(max=MAX_TYPED)]
    )
    password = PasswordField(_l("New password (12 characters or more)"), [NewPassword()])


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
