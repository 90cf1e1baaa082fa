"""Validation of email addresses."""

from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from app.lib import mailbox


def check_email(typed: str) -> str:
    """Return the address in one form. Raises ValidationError."""
    try:
        return mailbox.check(typed)
    except ValueError as trouble:
        if not mailbox.is_ascii_before_at(typed):
            raise ValidationError(_l("Use only letters A to Z, digits and symbols before the @.")) from trouble
        raise ValidationError(_l("Enter a valid email address.")) from trouble
