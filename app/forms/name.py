"""Validation of names."""

from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from app.lib import names
from app.screening.impersonation import mixes_alphabets

UNSEEN = _l("Enter a name with visible characters.")
DISGUISED = _l("This name could be mistaken for another. Use a single alphabet, or choose another name.")


def check_name(name: str) -> None:
    """Raises ValidationError; '' is left to the field."""
    if names.is_invisible(name):
        raise ValidationError(UNSEEN)
    if mixes_alphabets(name):
        raise ValidationError(DISGUISED)
