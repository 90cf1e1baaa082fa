"""A new site, and the first account with the first site."""

from collections.abc import Callable
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import EmailField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, ValidationError
from wtforms.validators import Length as Characters

from app.forms.email import check_email
from app.forms.length import Length
from app.forms.members import EMAIL_LENGTH, WelcomeForm
from app.forms.site import FIELDS, NAME_LENGTH
from app.lib.language import choose, languages, name_of
from app.lib.urls import MAX_LENGTH, origin, origin_of

_NO_URL = _l("Enter a URL such as https://www.example.org.")
# By language of the page; a script offers that of the browser.
TIME_ZONES = {"ja": "Asia/Tokyo"}


def _parsed(name: str, sentence: Any) -> Callable[[Any, Any], None]:
    def check(_form: Any, field: Any) -> None:
        try:
            field.data = FIELDS[name].parse(field.data)
        except (ValueError, KeyError) as trouble:
            raise ValidationError(sentence) from trouble

    return check


def _address(_form: Any, field: Any) -> None:
    """The origin of a typed page or host."""
    typed = field.data.strip()
    try:
        field.data = origin(origin_of(typed if "://" in typed else f"https://{typed}") or "")
    except ValueError as trouble:
        raise ValidationError(_NO_URL) from trouble


class NewSiteForm(FlaskForm):
    site_name = StringField(
        _l("Site name"),
        [
            DataRequired(_l("Enter a name.")),
            Length(NAME_LENGTH, each=1),
            _parsed("name", _l("Use visible characters, and one alphabet in each word.")),
        ],
    )
    address = StringField(
        _l("Site URL"),
        [DataRequired(_NO_URL), Characters(max=MAX_LENGTH, message=_NO_URL), _address],
        render_kw={"inputmode": "url", "autocapitalize": "none", "spellcheck": "false"},
    )
    lang = SelectField(_l("Language"))
    timezone = SelectField(_l("Time zone"))

    def __init__(self, *given: Any, **values: Any) -> None:
        lang = choose()
        super().__init__(*given, **({"lang": lang, "timezone": TIME_ZONES.get(lang, "UTC")} | values))
        self.lang.choices = [SelectChoice(tag, name_of(tag)) for tag in languages()]
        zones = FIELDS["timezone"].choices
        self.timezone.choices = [SelectChoice(name, said) for name, said in (zones() if zones else ())]


def _email(_form: Any, field: Any) -> None:
    field.data = check_email(field.data)


class SetupForm(NewSiteForm, WelcomeForm):
    """With the account of the installation's first owner."""

    email = EmailField(
        _l("Email"), [DataRequired(_l("Enter your email address.")), Length(EMAIL_LENGTH, each=1), _email]
    )
