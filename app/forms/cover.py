"""Words of a comment that a moderator covers, one passage in each line."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, IntegerField, SubmitField, TextAreaField, ValidationError
from wtforms.validators import InputRequired, NumberRange

from app.forms.comment import BODY_LENGTH
from app.forms.length import Length, cleaned
from app.lib import ids
from app.lib.text import clean_body
from app.models.revision import MOST_WORDS


class SeenForm(FlaskForm):
    """The version of the comment that the moderator saw."""

    seen = IntegerField(validators=[InputRequired(), NumberRange(0, ids.MOST)])
    next = HiddenField()


class CoverForm(SeenForm):
    words = TextAreaField(
        _l("Words to hide, one passage on each line"),
        filters=[cleaned(clean_body, BODY_LENGTH)],
        validators=[Length(BODY_LENGTH)],
    )
    preview = SubmitField()

    def validate_words(self, _field: Any) -> None:
        count = len(self.passages)
        if not count:
            raise ValidationError(_("Select words in the comment, or type them here."))
        if count > MOST_WORDS:
            raise ValidationError(_("Hide %(most)d passages or fewer at once.", most=MOST_WORDS))

    @property
    def passages(self) -> list[str]:
        lines = (line.strip() for line in (self.words.data or "").split("\n"))
        return list(dict.fromkeys(filter(None, lines)))

    @property
    def wrong(self) -> str:
        """The errors of the words in one line; other fields are never typed."""
        return " ".join(map(str, self.words.errors))
