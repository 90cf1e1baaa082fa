"""The settings page: labels, help, units, and switches for "off"."""

from collections.abc import Callable
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.sql.schema import ScalarElementColumnDefault
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import ValidationError

from app.forms.control import Control
from app.forms.house_checks import HOUSE_CHECKS
from app.forms.site import FIELDS, ORIGINS, YES_NO, Field
from app.lib.secrets import is_unreadable
from app.models import Site

_NEVER, _NO_LIMIT, _FOREVER = _l("Never"), _l("No limit"), _l("Forever")
_DAYS, _PER_MINUTE = _l("days"), _l("comments per minute")


GROUPS: tuple[tuple[Any, dict[str, Control]], ...] = (
    (
        _l("General"),
        {
            "name": Control(_l("Site name")),
            "lang": Control(_l("Language")),
            "timezone": Control(_l("Time zone")),
            "origins": Control(
                _l("Site URLs"), _l("One per line, for example https://www.example.org. Only these can show comments.")
            ),
        },
    ),
    (
        _l("Comment form"),
        {
            "open": Control(_l("Allow new comments")),
            "commenters": Control(_l("Who can comment"), _l("Sections and articles can differ.")),
            "login_url": Control(_l("Log-in page"), _l("Linked for readers where only members can comment.")),
            "name_required": Control(_l("Require name")),
            "email_required": Control(_l("Require email")),
            "website_required": Control(_l("Require website")),
            "edit_minutes": Control(
                _l("Editing window"),
                _l("How long authors can edit or delete their comment."), _l("minutes"), _l("No editing"),
            ),
            "close_after_days": Control(_l("Close comments after"), "", _DAYS, _NEVER),
        },
    ),
    (
        _l("Display"),
        {
            "max_depth": Control(_l("Reply nesting"), "", _l("levels")),
            "page_size": Control(_l("Comments per page"), "", _l("comments")),
            "live_updates": Control(
                _l("Tell readers about new comments"),
                _l("Open pages check every 30 to 60 seconds while they are being read."),
            ),
            "index_thread": Control(
                _l("Let search engines list the comments page"),
                _l("The page of its own, for readers without JavaScript. If off, only your articles are found."),
            ),
            "votes": Control(
                _l("Let readers mark comments as helpful"),
                _l("Readers need no account. Comments can then be sorted by “Most helpful”."),
            ),
        },
    ),
    (
        _l("Moderation"),
        {
            "hold_all": Control(_l("Review every comment before publishing")),
            "approvals_needed": Control(
                _l("Auto-publish an author after"),
                _l("Comments of authors with fewer approved comments are held for review."),
                _l("approved comments"), _l("Publish first-time commenters too"),
            ),
            "second_opinions": Control(
                _l("Decisions for a second opinion"),
                _l("Another moderator decides again without seeing the first decision. The comment does not change."),
                "%", _NEVER,
            ),
        },
    ),
    (
        _l("Spam"),
        {
            "max_links": Control(_l("Hold comments with"), "", _l("or more links"), _NO_LIMIT),
            "hold_blocked": Control(_l("Send blocked authors’ comments to review (not spam)")),
            "min_seconds": Control(
                _l("Hold comments written in under"), _l("Few people write faster than this."), _l("seconds"), _l("Off")
            ),
            "score_acts": Control(_l("Use the spam score"), _l("If off, scores are only shown to moderators.")),
            "hold_one_in": Control(
                _l("Hold at most one in"), _l("The score finds its threshold in the site’s past."),
                _l("honest comments"), _NEVER,
            ),
            "spam_one_in": Control(
                _l("Mark as spam at most one in"), _l("A lower limit than for holding needs a longer past."),
                _l("honest comments"), _NEVER,
            ),
            "score_publishes": Control(_l("Auto-publish known authors below that score")),
            "settle_days": Control(
                _l("Learn from published comments after"),
                _l("Comments without a report until then count as fine, less than a moderator’s approval."), _DAYS,
                _NEVER,
            ),
        },
    ),
    (_l("House checks"), HOUSE_CHECKS),
    (
        _l("Floods"),
        {
            "flood_per_author": Control(_l("Limit per author"), "", _PER_MINUTE, _NO_LIMIT),
            "daily_per_author": Control(_l("Daily limit per author"), "", _l("comments per day"), _NO_LIMIT),
            "flood_per_address": Control(_l("Limit per IP range"), "", _PER_MINUTE, _NO_LIMIT),
            "flood_per_site": Control(
                _l("Burst protection: hold everything above"),
                _l("Automatic: the limit follows the usual traffic of the site."), _PER_MINUTE, _l("Automatic"),
            ),
        },
    ),
    (
        _l("Brake of an article"),
        {
            "brake_decisions": Control(
                _l("Hold an article after"), _l("If too many of a moderator’s last decisions on it were rejections."),
                _l("decisions"), _NEVER,
            ),
            "brake_percent": Control(_l("Of these, rejected or spam: more than"), "", "%"),
            "brake_reports": Control(_l("Hold an article after reports"), "", _l("reports within 10 minutes"), _NEVER),
            "brake_minutes": Control(_l("The hold ends after"), "", _l("minutes")),
        },
    ),
    (
        _l("Staff"),
        {
            "staff_badge": Control(_l("Badge of staff"), _l("Shown beside the name. If empty, readers see “Staff”.")),
            "staff_role": Control(_l("Who can reply as staff"), _l("This role and those above it.")),
        },
    ),
    (
        _l("Data retention"),
        {
            "keep_address_days": Control(_l("Keep IP ranges for"), "", _DAYS, _FOREVER),
            "keep_spam_days": Control(_l("Keep the text of spam for"), "", _DAYS, _FOREVER),
            "keep_revision_days": Control(_l("Keep earlier versions for"), "", _DAYS, _FOREVER),
            "keep_vote_days": Control(
                _l("Keep votes for"),
                _l("Afterwards only their number is kept, and they can no longer be taken back."), _DAYS, _FOREVER,
            ),
            "keep_notice_days": Control(
                _l("Keep decided legal notices for"), _l("After the decision, with all texts of the case."), _DAYS,
                _FOREVER,
            ),
        },
    ),
    (
        "Akismet",
        {
            "akismet_key": Control(
                _l("Akismet API key"), _l("With a key, new comments wait until Akismet has answered.")
            ),
            "akismet_blog": Control(
                _l("Akismet site URL"), _l("The URL registered with the key. If empty, the first site URL is used.")
            ),
        },
    ),
    (
        _l("Legal notices"),
        {
            "notices": Control(
                _l("Take legal notices"),
                _l("Readers find “Report illegal content” in the report form and below the comments page."),
            ),
            "notice_days": Control(
                _l("Decide within"), _l("Shown to the sender. Moderators are reminded before it ends."), _l("days")
            ),
        },
    ),
    (
        _l("Reports & transparency"),
        {
            "reports_needed": Control(_l("Move to Urgent after"), "", _l("reports"), _NEVER),
            "reports_to_hide": Control(
                _l("Hide after"), _l("Hidden until a moderator has reviewed the comment."), _l("reports"), _NEVER
            ),
            "public_summary": Control(
                _l("Publish a transparency page"),
                _l("Anyone can see how many comments were reviewed, why and how fast."),
            ),
        },
    ),
)  # fmt: skip
CONTROLS = {name: control for _heading, controls in GROUPS for name, control in controls.items()}


class SettingsForm(FlaskForm):
    """The switch of NAME is NAME_off, which overrides its number."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        for control in self:
            # An unavailable value stays selected, so that saving does not change it.
            if isinstance(control, SelectField) and control.data not in dict(control.choices):
                control.choices = [(control.data, control.data), *control.choices]

    @classmethod
    def of(cls, site: Site) -> "SettingsForm":
        given: dict[str, Any] = {}
        for name, setting in FIELDS.items():
            value = getattr(site, name)
            is_off = setting.off is not None and value == setting.off
            given |= {name: "" if is_off else _typed(value), _switch(name): is_off}
        return cls(data=given)

    def values(self) -> dict[str, Any]:
        """The typed values; only after `validate`."""
        return {name: _read(self, name) for name in FIELDS}

    def help_of(self, name: str) -> Any:
        return CONTROLS[name].help

    def unit_of(self, name: str) -> Any:
        return CONTROLS[name].unit

    def default_of(self, name: str) -> str:
        """The setting of a new site as shown, or '' if it has none."""
        default, setting = Site.__table__.c[name].default, FIELDS[name]
        value = default.arg if isinstance(default, ScalarElementColumnDefault) else ""
        if value == "":
            return ""
        if setting is YES_NO:
            return str(_("On") if value else _("Off"))
        if setting.off is not None and value == setting.off:
            return str(CONTROLS[name].off)
        choices = dict(setting.choices()) if setting.choices else {}
        return " ".join(map(str, filter(None, (choices.get(value, value), self.unit_of(name)))))

    def switch_of(self, name: str) -> Any:
        """The switch of a setting, or None."""
        return self._fields.get(_switch(name))


def _switch(name: str) -> str:
    return f"{name}_off"


def _typed(value: Any) -> Any:
    if is_unreadable(value):
        return ""
    return "\n".join(value) if isinstance(value, list) else value if isinstance(value, bool) else str(value)


def _read(form: Any, name: str) -> Any:
    setting, typed = FIELDS[name], form[name].data
    if setting is YES_NO:
        return typed
    switch = form.switch_of(name)
    return setting.off if switch and switch.data else setting.parse((typed or "").strip())


def _may_be_read(setting: Field) -> Callable[[Any, Any], None]:
    def check(form: Any, control: Any) -> None:
        try:
            _read(form, control.short_name)
        except (ValueError, KeyError):
            raise ValidationError(_("Enter %(allowed)s.", allowed=setting.allowed)) from None

    check.field_flags = {"required": setting.off is None and not _may_be_empty(setting)}  # type: ignore[attr-defined]
    return check


def _may_be_empty(setting: Field) -> bool:
    try:
        setting.parse("")
    except (ValueError, KeyError):
        return False
    return True


def _control(setting: Field, label: Any) -> Any:
    if setting is YES_NO:
        return BooleanField(label)
    if setting.choices:
        return SelectField(label, [_may_be_read(setting)], choices=setting.choices, validate_choice=False)
    kind = TextAreaField if setting is ORIGINS else StringField
    limit = {"maxlength": setting.longest} if setting.longest else {}
    return kind(label, [_may_be_read(setting)], render_kw=limit | ({"inputmode": "numeric"} if setting.digits else {}))


for each, shown in CONTROLS.items():
    setattr(SettingsForm, each, _control(FIELDS[each], shown.label))
    if FIELDS[each].off is not None:
        setattr(SettingsForm, _switch(each), BooleanField(shown.off))
