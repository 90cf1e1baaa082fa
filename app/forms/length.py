"""How long a text may be: looked at before anything else looks at the text."""

from collections.abc import Callable
from typing import Any

from flask_babel import ngettext
from wtforms import Form
from wtforms.validators import StopValidation

from app.lib import grapheme

# A grapheme may be many code points long; the longest texts need no more than this on average, as Hindi does. The time
# that a text takes grows with its code points.
CODE_POINTS_PER_GRAPHEME = 2


class Length:
    """At most `most` graphemes, none of which count for more than `each` code points on average.

    Ends the chain of validators, so that none of them reads a text that is too long. The browser is told `most`.
    """

    def __init__(self, most: int, each: int = CODE_POINTS_PER_GRAPHEME):
        self.most, self.code_points = most, most * each
        self.field_flags = {"maxlength": most}

    def __call__(self, form: Form, field: Any) -> None:
        text = field.data or ""
        # Cheap test first: graphemes are counted only in short texts.
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
    """Return a filter that cleans a text, or leaves it as it came where `Length(most, each)` will refuse it."""

    def filtered(text: str | None) -> str:
        return clean(text) if text and len(text) <= most * each else text or ""

    return filtered
