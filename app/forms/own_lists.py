"""Entries of a site's own lists: reasons for rejections, and saved replies."""

from functools import cache
from typing import Any
from uuid import uuid4

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, StringField, TextAreaField, ValidationError
from wtforms.validators import AnyOf, DataRequired, Regexp

from app.forms.length import Length, cleaned
from app.forms.reason_texts import LONGEST
from app.lib.language import languages, name_of
from app.lib.text import clean_body, clean_line
from app.models import Site, reason_codes
from app.models.own_reason import CODE, LONGEST_CODE, LONGEST_NAME, OwnReason
from app.models.saved_reply import LONGEST_TEXT

ACTS = ("up", "down", "delete")
_NAME = [DataRequired(_l("Enter a name.")), Length(LONGEST_NAME)]
_line = cleaned(clean_line, LONGEST_NAME)
_reply = cleaned(lambda text: clean_body(text).strip("\n").rstrip(), LONGEST_TEXT)


class ActForm(FlaskForm):
    """A button of an entry."""

    act = StringField(validators=[AnyOf(ACTS)])


class OwnReasonForm(FlaskForm):
    """The texts are named text.LANGUAGE; the site's own language is required."""

    code = StringField(
        _l("Code"),
        filters=[lambda text: (text or "").strip()],
        validators=[DataRequired(_l("Enter a code.")), Length(LONGEST_CODE)],
    )
    name = StringField(_l("Name for moderators"), filters=[_line], validators=_NAME)
    enabled = BooleanField(_l("Offer this reason"))
    site: Site

    @classmethod
    def of(cls, site: Site, reason: OwnReason | None = None) -> "OwnReasonForm":
        """The sent form, or that of a stored reason."""
        kind = _with_texts(languages())
        form = kind(formdata=None, data=reason.as_json() | _texts_of(reason)) if reason else kind()
        form.site = site
        return form

    @classmethod
    def fresh(cls, site: Site) -> "OwnReasonForm":
        """An empty form."""
        return cls.of(site, OwnReason("", "", {}))

    def validate_code(self, field: Any) -> None:
        if not CODE.fullmatch(field.data) or field.data in reason_codes():
            raise ValidationError(
                _("Use 2 to 32 small letters, digits and _, beginning with a letter, and no built-in code.")
            )

    def texts(self) -> list[Any]:
        return [self[f"text.{tag}"] for tag in languages()]

    def reason(self) -> OwnReason:
        typed = {tag: self[f"text.{tag}"].data for tag in languages()}
        return OwnReason(
            self.code.data, self.name.data, {tag: text for tag, text in typed.items() if text}, self.enabled.data
        )


def _texts_of(reason: OwnReason) -> dict[str, str]:
    return {f"text.{tag}": text for tag, text in reason.texts.items()}


def _check_own_language(form: Any, field: Any) -> None:
    if field.short_name == f"text.{form.site.lang}" and not field.data:
        raise ValidationError(_("Enter the text in the site’s language."))


@cache
def _with_texts(tags: tuple[str, ...]) -> type[OwnReasonForm]:
    return type("SentOwnReason", (OwnReasonForm,), {f"text.{tag}": _text(tag) for tag in tags})


def _text(tag: str) -> TextAreaField:
    return TextAreaField(
        name_of(tag), [Length(LONGEST), _check_own_language], filters=[cleaned(clean_line, LONGEST)],
        render_kw={"lang": tag, "rows": 2},
    )  # fmt: skip


class SavedReplyForm(FlaskForm):
    id = HiddenField(filters=[lambda text: text or uuid4().hex[:12]], validators=[Regexp(r"[0-9a-f]{12}\Z")])
    name = StringField(_l("Name"), filters=[_line], validators=_NAME)
    text = TextAreaField(
        _l("Text"),
        filters=[_reply],
        validators=[DataRequired(_l("Enter a text.")), Length(LONGEST_TEXT)],
        render_kw={"rows": 4},
    )

    def entry(self) -> dict[str, str]:
        return {"id": self.id.data or "", "name": self.name.data or "", "text": self.text.data or ""}
