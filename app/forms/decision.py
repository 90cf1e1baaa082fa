"""A decision, with the version of the comment that the moderator saw."""

import re

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, IntegerField, StringField, TextAreaField, ValidationError
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, NumberRange, Regexp

from app.forms.length import Length as TextLength
from app.forms.length import cleaned
from app.forms.reason_texts import LONGEST as LONGEST_TEXT
from app.lib import ids
from app.lib.text import clean_line
from app.models import Reason, Site, Status
from app.models.note import LONGEST
from app.models.own_reason import CODE

# `deleted` is set by authors and erasure only.
MODERATED = (Status.PENDING, Status.APPROVED, Status.REJECTED, Status.SPAM)
OPINIONS = MODERATED[1:]
SEEN = re.compile(r"(\d{1,18})\.(\d{1,9})", re.ASCII)
# Reasons of buttons without one.
USUAL = {Status.REJECTED: Reason.OTHER, Status.SPAM: Reason.SPAM}


def _or_empty(given: str | None) -> str:
    return given or ""


class VerdictForm(FlaskForm):
    """A status, or a reason alone, which rejects."""

    status = StringField(filters=[_or_empty], validators=[AnyOf(["", *map(str, MODERATED)])])
    reason = StringField(filters=[_or_empty], validators=[AnyOf(["", *map(str, Reason)])])
    next = HiddenField()

    def validate_status(self, field: StringField) -> None:
        if not field.data and not self.reason.data:
            raise ValidationError

    @property
    def verdict(self) -> Status:
        return Status(self.status.data or Status.REJECTED)

    @property
    def why(self) -> str:
        return self.reason.data or USUAL.get(self.verdict, "")


class ReasonedForm(VerdictForm):
    """The reason may be one of the site's own."""

    reason = StringField(filters=[_or_empty], validators=[Regexp(rf"({CODE.pattern})?\Z")])

    def knows_reason(self, site: Site) -> bool:
        """True for a built-in reason, and for one that the site offers."""
        own = site.own_reason(self.why) if self.why and self.why not in set(Reason) else None
        return self.why in ("", *Reason) or (own is not None and own.enabled)


class OpinionForm(ReasonedForm):
    """The decision that the moderator of a second opinion would have made."""

    status = StringField(filters=[_or_empty], validators=[AnyOf(["", *map(str, OPINIONS)])])


class DecisionForm(ReasonedForm):
    """`text` is read by the author of a rejected comment, instead of that of the reason."""

    text = TextAreaField(filters=[cleaned(clean_line, LONGEST_TEXT)], validators=[TextLength(LONGEST_TEXT)])
    seen = IntegerField(validators=[InputRequired(), NumberRange(0, ids.MOST)])
    override = BooleanField()

    @property
    def note(self) -> str:
        return (self.text.data or "") if self.verdict == Status.REJECTED else ""


class BatchForm(VerdictForm):
    """Comments are named `id.version` in the field `comment`."""

    def seen(self, given: list[str]) -> dict[int, int]:
        """Versions by id. Raises ValueError for a malformed name."""
        found = [SEEN.fullmatch(each) for each in given]
        if not all(found):
            raise ValueError("a comment is named as id.version")
        return {int(each[1]): int(each[2]) for each in found if each}


class UndoForm(FlaskForm):
    next = HiddenField()


class NoteForm(FlaskForm):
    text = TextAreaField(filters=[lambda text: (text or "").strip()], validators=[DataRequired(), Length(max=LONGEST)])
    next = HiddenField()


def ids_of(given: list[str]) -> list[int]:
    """Whole numbers of a repeated field; others are left out."""
    return [int(each) for each in given if re.fullmatch(r"\d{1,18}", each, re.ASCII)]
