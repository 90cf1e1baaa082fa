"""A section of a site: name, paths, state, review and commenters."""

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, ValidationError

from app.forms.length import Length, cleaned
from app.lib.names import is_invisible
from app.lib.text import clean_line
from app.models import State
from app.models.commenters import Commenters
from app.models.section import LONGEST_PATH, MOST_PATHS, Section, clean_path, is_section_key
from app.moderation.articles import STATES

LONGEST_NAME = 80
HOLD = {"": _l("As set for the site"), "yes": _l("Review every comment"), "no": _l("Do not review every comment")}
COMMENTERS = {
    "": _l("As set for the site"), Commenters.EVERYONE: _l("Everyone"), Commenters.MEMBERS: _l("Members only"),
}  # fmt: skip
HOLDS = {"": None, "yes": True, "no": False}
_KEY = _l("Use 1 to 64 characters of a-z, 0-9 and hyphens, without a hyphen at either end.")


class SectionForm(FlaskForm):
    key = StringField(
        _l("Short name"), [Length(64)], [cleaned(str.strip, 64)], _l("For data-section and the API, such as sports.")
    )
    name = StringField(
        _l("Name"), [DataRequired(_l("Enter a name.")), Length(LONGEST_NAME, each=1)],
        [cleaned(clean_line, LONGEST_NAME, each=1)],
    )  # fmt: skip
    paths = TextAreaField(
        _l("Paths"), [Length(MOST_PATHS * LONGEST_PATH, each=1)], description=_l(
            "One per line, such as /sports. All articles below them are in this section."
        ),
    )  # fmt: skip
    state = SelectField(_l("Comments"), choices=[SelectChoice(str(each), said) for each, said in STATES.items()])
    hold = SelectField(_l("Review"), choices=[SelectChoice(each, said) for each, said in HOLD.items()])

    commenters = SelectField(
        _l("Who can comment"),
        choices=[SelectChoice(str(each), said) for each, said in COMMENTERS.items()],
        default="",
        description=_l("Members only without a path: every page whose section is not known is for members only."),
    )

    @classmethod
    def of(cls, section: Section) -> "SectionForm":
        hold = next(word for word, means in HOLDS.items() if means is section.hold)
        typed = {"key": section.key, "name": section.name, "state": section.state, "hold": hold}
        typed |= {"commenters": section.commenters}
        return cls(formdata=None, data=typed | {"paths": "\n".join(path or "/" for path in section.paths)})

    def validate_key(self, field: Any) -> None:
        if not is_section_key(field.data or ""):
            raise ValidationError(_KEY)

    def validate_name(self, field: Any) -> None:
        if is_invisible(field.data or ""):
            raise ValidationError(_l("Enter a name."))

    def validate_paths(self, field: Any) -> None:
        try:
            paths = self.clean_paths
        except ValueError as trouble:
            raise ValidationError(_l("Enter paths of your site, such as /sports, one per line.")) from trouble
        if len(paths) > MOST_PATHS:
            raise ValidationError(_l("Enter %(most)d paths or fewer.", most=MOST_PATHS))

    @property
    def clean_paths(self) -> tuple[str, ...]:
        """Raises ValueError."""
        return tuple(
            dict.fromkeys(clean_path(line.strip()) for line in (self.paths.data or "").split("\n") if line.strip())
        )

    def section(self) -> Section:
        """Only after `validate`."""
        return Section(
            self.key.data or "", self.name.data or "", self.clean_paths, State(self.state.data), HOLDS[self.hold.data],
            self.commenters.data,
        )  # fmt: skip
