"""Second factors: codes, answers of passkeys, and the roles that need one."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from app.forms.length import Length as Graphemes
from app.forms.length import cleaned
from app.lib.one_time_codes import LONGEST_TYPED
from app.lib.passkeys import LONGEST
from app.lib.text import clean_line
from app.models import Role
from app.models.passkey import LONGEST_NAME


class FactorForm(FlaskForm):
    """A code of the app, or a recovery code."""

    code = StringField(_l("Code from your authenticator app"), [Length(max=LONGEST_TYPED)])
    recovery = StringField(_l("Recovery code"), [Length(max=LONGEST_TYPED)])
    next = HiddenField()


class CodeForm(FlaskForm):
    code = StringField(_l("Code from the app"), [Length(max=LONGEST_TYPED)])


class PasskeyForm(FlaskForm):
    """What the browser answered, as JSON; '' without JavaScript."""

    credential = HiddenField(validators=[Length(max=LONGEST)])


class PasskeyLoginForm(PasskeyForm):
    next = HiddenField()
    lang = HiddenField()


class NewPasskeyForm(PasskeyForm):
    name = StringField(
        _l("Name of the passkey"),
        [DataRequired(_l("Enter a name by which you will recognize this passkey.")), Graphemes(LONGEST_NAME, each=1)],
        filters=[cleaned(clean_line, LONGEST_NAME)],
    )


class FactorRoleForm(FlaskForm):
    factor_role = RadioField(
        choices=[
            SelectChoice("", _l("No one")),
            SelectChoice(Role.OWNER.value, _l("Owners")),
            SelectChoice(Role.ADMIN.value, _l("Administrators and owners")),
            SelectChoice(Role.MODERATOR.value, _l("Everyone on this site")),
        ]
    )
