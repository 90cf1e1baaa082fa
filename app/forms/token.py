"""A new access token: name, role, scopes and expiry."""

from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, SelectField, StringField
from wtforms.validators import DataRequired, NumberRange, Optional, ValidationError

from app.forms.length import Length, cleaned
from app.forms.members import NAME_LENGTH, ROLES
from app.forms.name import check_name
from app.lib.clock import now
from app.lib.text import clean_line
from app.models import Role, Scope
from app.models.api_token import OF_ROLE

MOST_DAYS, USUAL_DAYS = 3650, 90
SCOPES: dict[str, Any] = {
    Scope.READ: _l("Read comments in every status, the queue, articles and the activity log"),
    Scope.MODERATE: _l("Decide, reply as staff, block authors, open and close articles"),
    Scope.COMMENT: _l("Write comments on behalf of your members"),
    Scope.MANAGE: _l("Change rules, settings and webhooks"),
    Scope.TRANSFER: _l("Import and export, including readers’ email addresses"),
}


def _name(form: Any, field: Any) -> None:
    check_name(field.data)


class TokenForm(FlaskForm):
    """Each scope is a box of its own."""

    name = StringField(
        _l("Name of the program"),
        [DataRequired(_l("Enter a name. The activity log shows it.")), Length(NAME_LENGTH, each=1), _name],
        filters=[cleaned(clean_line, NAME_LENGTH)],
    )
    role = SelectField(_l("Role"), choices=[each for each in ROLES if each.value in OF_ROLE])
    days = IntegerField(
        _l("Expires after … days (optional)"),
        [Optional(), NumberRange(1, MOST_DAYS)],
        default=USUAL_DAYS,
        render_kw={"inputmode": "numeric"},
    )
    read = BooleanField(SCOPES[Scope.READ], default=True)
    moderate = BooleanField(SCOPES[Scope.MODERATE], default=True)
    comment = BooleanField(SCOPES[Scope.COMMENT])
    manage = BooleanField(SCOPES[Scope.MANAGE])
    transfer = BooleanField(SCOPES[Scope.TRANSFER])

    def validate_read(self, _field: BooleanField) -> None:
        if not self.scopes:
            raise ValidationError(_("Choose at least one."))

    def validate_role(self, field: SelectField) -> None:
        if field.data in OF_ROLE and set(self.scopes) - set(OF_ROLE[Role(field.data)]):
            raise ValidationError(_("Rules, settings, imports and exports need an administrator’s token."))

    @property
    def scopes(self) -> list[Scope]:
        return [scope for scope in Scope if self[scope].data]

    @property
    def boxes(self) -> list[BooleanField]:
        return [self[scope] for scope in Scope]

    @property
    def expires_at(self) -> datetime | None:
        return now() + timedelta(days=self.days.data) if self.days.data else None
