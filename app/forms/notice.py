"""A legal notice about a comment, its decision, and the notifier's objection."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, EmailField, Form, HiddenField, IntegerField, RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import AnyOf, InputRequired, NumberRange, ValidationError

from app.forms.email import check_email
from app.forms.length import Length, cleaned
from app.lib import ids
from app.lib.clock import now
from app.lib.mailbox import LONGEST as EMAIL_LENGTH
from app.lib.names import is_invisible
from app.lib.text import clean_body, clean_line
from app.models import Claim, Outcome
from app.moderation.notices import CONSENT, OBJECTION, Draft, Ruling

LINK_LENGTH, LAW_LENGTH, NAME_LENGTH = 2_000, 200, 80  # graphemes
EXPLANATION_LENGTH, FACTS_LENGTH = 5_000, 3_000
LONGEST_HOLD = timedelta(days=3660)
GROUNDS = {"law": _l("A law"), "rules": _l("The rules of this site")}


def _text(text: str) -> str:
    return clean_body(text).strip()


def _line(most: int) -> dict[str, Any]:
    return {"filters": [cleaned(clean_line, most)], "validators": [Length(most)]}


def _long(most: int, missing: Any) -> dict[str, Any]:
    return {"filters": [cleaned(_text, most)], "validators": [Length(most), _needed(missing)]}


def _needed(sentence: Any) -> Any:
    def check(_form: Form, field: Any) -> None:
        if not field.data or is_invisible(field.data):
            raise ValidationError(sentence)

    return check


class NoticeForm(Form):
    """`draft()` after `validate`. The comment behind `link` is looked up by the route."""

    link = StringField(_l("Link to the comment"), **_line(LINK_LENGTH))
    claim = RadioField(
        _l("What is it about?"),
        choices=[SelectChoice(claim.value, claim.label) for claim in Claim],
        validators=[InputRequired(_l("Choose what your notice is about."))],
    )
    law = StringField(_l("Law or right"), **_line(LAW_LENGTH))
    explanation = TextAreaField(
        _l("Explanation"), **_long(EXPLANATION_LENGTH, _l("Explain why you think the comment is illegal."))
    )
    name = StringField(_l("Your name"), **_line(NAME_LENGTH))
    email = EmailField(_l("Your email"), **_line(EMAIL_LENGTH))
    good_faith = BooleanField(
        _l("I believe in good faith that this information is accurate and complete"),
        validators=[InputRequired(_l("Confirm that your information is accurate and complete."))],
    )
    # A honeypot: invisible to people.
    trap = StringField(name="subject")

    no_comment = _l("There is no public comment with this link. Copy the link from the comment’s date.")

    def validate_link(self, field: StringField) -> None:
        if not field.data:
            raise ValidationError(_l("Enter the link to the comment."))

    def validate_name(self, field: StringField) -> None:
        if is_invisible(field.data or "") or not (field.data or self.may_be_anonymous):
            raise ValidationError(_l("Enter your name."))

    def validate_email(self, field: EmailField) -> None:
        if field.data:
            field.data = check_email(field.data)
        elif not self.may_be_anonymous:
            raise ValidationError(_l("Enter your email address."))

    @property
    def may_be_anonymous(self) -> bool:
        return self.claim.data in list(Claim) and Claim(self.claim.data).may_be_anonymous

    def draft(self, lang: str) -> Draft:
        return Draft(
            claim=Claim(self.claim.data),
            law=self.law.data or "",
            explanation=self.explanation.data,
            name=self.name.data or "",
            email=self.email.data or "",
            lang=lang,
        )


class ObjectionForm(Form):
    text = TextAreaField(
        _l("Why do you disagree?"), **_long(EXPLANATION_LENGTH, _l("Tell us why you disagree with the decision."))
    )


class AnswerForm(Form):
    """The author's answer to an inquiry: one press to agree, or an objection with or without reasons."""

    answer = StringField(validators=[AnyOf([CONSENT, OBJECTION])])
    text = TextAreaField(
        _l("Why do you object? (optional)"), filters=[cleaned(_text, EXPLANATION_LENGTH)],
        validators=[Length(EXPLANATION_LENGTH)],
    )  # fmt: skip


class SeenForm(FlaskForm):
    """Something a moderator does with a case, at the version that they saw."""

    seen = IntegerField(validators=[InputRequired(), NumberRange(0, ids.MOST)])
    next = HiddenField()


class RulingForm(SeenForm):
    comment_seen = IntegerField(validators=[InputRequired(), NumberRange(0, ids.MOST)])
    outcome = RadioField(
        _l("Decision"),
        choices=[
            SelectChoice(Outcome.REMOVED.value, _l("Remove the comment")),
            SelectChoice(Outcome.KEPT.value, _l("Leave the comment public")),
        ],
        validators=[InputRequired(_l("Choose a decision."))],
    )
    ground = RadioField(
        _l("Ground"),
        choices=[SelectChoice(value, label) for value, label in GROUNDS.items()],
        validate_choice=False,
    )
    provision = StringField(_l("Provision"), **_line(LAW_LENGTH))
    facts = TextAreaField(_l("Facts and reasons"), **_long(FACTS_LENGTH, _l("State the facts and your reasons.")))

    def validate_ground(self, field: RadioField) -> None:
        if self.outcome.data == Outcome.REMOVED and field.data not in GROUNDS:
            raise ValidationError(_l("Choose the ground of the removal."))

    def validate_provision(self, field: StringField) -> None:
        if self.outcome.data == Outcome.REMOVED and not field.data:
            raise ValidationError(_l("Name the law or rule."))

    def ruling(self) -> Ruling:
        ground = self.ground.data if self.ground.data in GROUNDS else ""
        return Ruling(Outcome(self.outcome.data), self.facts.data, ground, self.provision.data or "")


class InquiryForm(SeenForm):
    question = TextAreaField(
        _l("What the author reads about the notice"),
        **_long(FACTS_LENGTH, _l("Write what the author needs to know about the notice.")),
    )


class HoldForm(FlaskForm):
    reason = StringField(_l("Reason for the hold"), **_line(LAW_LENGTH))
    until = StringField(_l("Hold until"), validators=[InputRequired(_l("Enter the last day of the hold."))])

    def validate_reason(self, field: StringField) -> None:
        if is_invisible(field.data or "") or not field.data:
            raise ValidationError(_l("Enter the reason for the hold."))

    def validate_until(self, field: StringField) -> None:
        if not now() < self.end <= now() + LONGEST_HOLD:
            raise ValidationError(_l("Enter a day in the next 10 years."))

    @property
    def end(self) -> datetime:
        """The end of that day, in UTC; the past for anything else."""
        try:
            day = date.fromisoformat((self.until.data or "").strip()[:10])
        except ValueError:
            return datetime.min.replace(tzinfo=UTC)
        return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
