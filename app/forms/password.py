"""The field of a new password, wherever one is set."""

from typing import Any, ClassVar

from wtforms import PasswordField
from wtforms.validators import ValidationError

from app.lib.guessable import refusal
from app.lib.passwords import MAX_TYPED


class NewPassword:
    """Its form needs `own_words`: texts with words that others would try first."""

    field_flags: ClassVar = {"required": True, "maxlength": MAX_TYPED}

    def __call__(self, form: Any, field: PasswordField) -> None:
        if sentence := refusal((field.data or "")[:MAX_TYPED], form.own_words):
            raise ValidationError(sentence)
