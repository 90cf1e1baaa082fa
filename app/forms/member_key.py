"""A new key for members' log-ins."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired

from app.forms.length import Length, cleaned
from app.lib.assertion import LONGEST_KEY

KID_LENGTH = 64
_KID_HELP = _l("Your server names it in each token as kid. If empty, we choose one.")


class SecretForm(FlaskForm):
    """A secret that we make."""

    kid = StringField(_l("Key ID (optional)"), [Length(KID_LENGTH)], [cleaned(str.strip, KID_LENGTH)], _KID_HELP)


class PublicKeyForm(SecretForm):
    public_key = TextAreaField(
        _l("Public key"),
        [DataRequired(_l("Paste an Ed25519 public key, as PEM or JWK.")), Length(LONGEST_KEY, each=1)],
        [cleaned(str.strip, LONGEST_KEY, each=1)],
        _l("Ed25519, as PEM or JWK. The private key stays on your server."),
    )
