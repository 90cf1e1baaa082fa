"""Shared lists: what a site publishes, and the list of another one that it subscribes to."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, RadioField, StringField, URLField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, DataRequired

from app.forms.length import Length
from app.models import Effect, LineState
from app.models.shared_list import LONGEST_URL

LONGEST_KEY, LONGEST_SEARCH = 100, 100
LIST_EFFECTS = {
    Effect.HOLD: _l("Hold for review"),
    Effect.SPAM: _l("Mark as spam"),
}
_URL = [DataRequired(_l("Enter the address of a list.")), Length(LONGEST_URL, each=1)]
_stripped = [lambda text: (text or "").strip()]


class PublishForm(FlaskForm):
    is_on = BooleanField(_l("Publish a list of this site’s rules"))
    words = BooleanField(_l("Words and phrases"))
    domains = BooleanField(_l("Domains of links"))


class ShareForm(FlaskForm):
    """A button of a rule."""

    act = StringField(validators=[AnyOf(("share", "keep"))])


class LookForm(FlaskForm):
    list_url = URLField(_l("Address of the list"), _URL, filters=_stripped)
    key = StringField(_l("Public key of the publisher (optional)"), [Length(LONGEST_KEY, each=1)], filters=_stripped)


class SubscribeForm(FlaskForm):
    list_url = HiddenField(validators=_URL, filters=_stripped)
    key = HiddenField(validators=[DataRequired(), Length(LONGEST_KEY, each=1)], filters=_stripped)
    effect = RadioField(
        _l("Comments with a word or domain of the list"),
        choices=[SelectChoice(effect.value, said) for effect, said in LIST_EFFECTS.items()],
        default=Effect.HOLD.value,
    )
    compared = BooleanField(
        _l("I compared this fingerprint with the one that the publisher shows."),
        [DataRequired(_l("Compare the fingerprint with the one that the publisher shows, and confirm it."))],
    )


class KeyForm(FlaskForm):
    """A new key of a subscription that the old one does not confirm."""

    key = HiddenField(validators=[DataRequired(), Length(LONGEST_KEY, each=1)], filters=_stripped)
    compared = BooleanField(
        _l("I compared this fingerprint with the one that the publisher shows."),
        [DataRequired(_l("Compare the fingerprint with the one that the publisher shows, and confirm it."))],
    )


class LineForm(FlaskForm):
    """A button of a line."""

    act = StringField(validators=[AnyOf((LineState.ACTIVE.value, LineState.IGNORED.value))])
