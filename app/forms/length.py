"""Length limits, checked before other validators."""

from collections.abc import Callable
from typing import Any

from flask_babel import ngettext
from wtforms import Form
from wtforms.validators import StopValidation

from app.lib import grapheme

# Average limit; the longest texts need no more, as in Hindi. Processing time grows with code points.
CODE_POINTS_PER_GRAPHEME = 2


class Length:
    """At most `most` graphemes of at most `each` code points on average.

    Ends the validator chain. The browser gets `most`.
    """

    def __init__(self, most: int, each: int = CODE_POINTS_PER_GRAPHEME):
        self.most, self.code_points = most, most * each
        self.field_flags = {"maxlength": most}

    def __call__(self, form: Form, field: Any) -> None:
        text = field.data or ""
        # Graphemes are counted only in short texts.
        length = len(text) if len(text) > self.code_points else grapheme.count(text)
        if length > self.most:
            raise StopValidation(
                ngettext(
                    "Use %(most)d characters or fewer (you have %(num)d).",
                    "Use %(most)d characters or fewer (you have %(num)d).",
                    length,
                    most=self.most,
                )
            )


def cleaned(
    clean: Callable[[str], str], most: int, each: int = CODE_POINTS_PER_GRAPHEME
) -> Callable[[str | None], str]:
    """A filter that cleans a text, unless `Length(most, each)` will refuse it."""

    def filtered(text: str | None) -> str:
        return clean(text) if text and len(text) <= most * each else text or ""

    return filtered
