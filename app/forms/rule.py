"""A rule: subject, value, effect, reason, expiry."""

from datetime import datetime, timedelta

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app.forms.length import cleaned
from app.lib.clock import now
from app.lib.text import clean_line
from app.models import Effect, Subject

MOST_DAYS = 3650
VALUE_LENGTH, REASON_LENGTH = 1000, 500  # characters
SUBJECTS = {
    Subject.WORD: _l("Word or phrase"),
    Subject.PATTERN: _l("Pattern (regular expression)"),
    Subject.LINK_DOMAIN: _l("Domain of a link"),
    Subject.EMAIL: _l("Email address"),
    Subject.EMAIL_DOMAIN: _l("Domain of email addresses"),
    Subject.ADDRESS: _l("IP range"),
    Subject.AUTHOR: _l("Author (by number)"),
}
EFFECTS = {
    Effect.HOLD: _l("Hold for review"),
    Effect.SPAM: _l("Mark as spam"),
    Effect.REJECT: _l("Reject"),
    Effect.ALLOW: _l("Allow (exception or trusted)"),
}


class RuleForm(FlaskForm):
    subject = SelectField(_l("If"), choices=[SelectChoice(each.value, said) for each, said in SUBJECTS.items()])
    value = StringField(_l("matches"), [InputRequired(_l("Enter a value to match.")), Length(max=VALUE_LENGTH)])
    effect = SelectField(_l("then"), choices=[SelectChoice(each.value, said) for each, said in EFFECTS.items()])
    reason = StringField(
        _l("Reason (for other moderators)"), [Length(max=REASON_LENGTH)], filters=[cleaned(clean_line, REASON_LENGTH)]
    )
    days = IntegerField(
        _l("Expires after … days (optional)"),
        [Optional(), NumberRange(1, MOST_DAYS)],
        render_kw={"inputmode": "numeric"},
    )

    @property
    def expires_at(self) -> datetime | None:
        return now() + timedelta(days=self.days.data) if self.days.data else None
