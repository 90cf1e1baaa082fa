"""Filters of the log."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from app.forms.day import DayField
from app.forms.filters import FilterForm
from app.models import Moderator, Status, own_reasons_of, reason_codes, reason_name
from app.moderation.history import LogFilter

STATUSES: dict[str, Any] = {
    Status.PENDING: _l("Pending"),
    Status.APPROVED: _l("Approved"),
    Status.REJECTED: _l("Rejected"),
    Status.SPAM: _l("Spam"),
    Status.DELETED: _l("Deleted"),
}


PEOPLE, EVERYONE = "people", "all"
BY: dict[str, Any] = {PEOPLE: _l("People"), EVERYONE: _l("People and automatic checks")}


class LogForm(FilterForm):
    """`LogForm.of(moderator, people, request.args)`; choices are limited to the moderator's sites.

    `usual` is the choice of `by` if none was made: the page shows people's decisions, files have all.
    """

    site = SelectField(_l("Site"))
    status = SelectField(_l("Status"))
    moderator = SelectField(_l("Moderator"))
    reason = SelectField(_l("Reason"))
    since = DayField(_l("From"), [Optional()])
    until = DayField(_l("Until"), [Optional()])
    by = SelectField(_l("Decided by"))

    @classmethod
    def of(cls, moderator: Moderator, people: list[Moderator], given: Any, *, usual: str) -> "LogForm":
        form, zones = cls(given), {str(m.site_id): m.site.timezone for m in moderator.memberships}
        own = own_reasons_of(m.site for m in moderator.memberships)
        form._choose(form.site, {str(m.site_id): m.site.name for m in moderator.memberships})
        form._choose(form.status, STATUSES)
        form._choose(form.moderator, {str(person.id): person.name for person in people})
        form._choose(form.reason, {code: reason_name(code) for code in reason_codes()} | own)
        form.by.choices = [SelectChoice(value, said) for value, said in BY.items()]
        form.by.data = form.by.data or usual
        form.zone = ZoneInfo(zones.get(form.site.data or "", moderator.timezone))
        return form

    @property
    def wanted(self) -> LogFilter:
        """Whole days in the time zone of the chosen site, or of the moderator's first site."""
        return LogFilter(
            site_id=int(self.site.data) if self.site.data else None,
            status=self.status.data or None,
            moderator_id=int(self.moderator.data) if self.moderator.data else None,
            reason=self.reason.data or None,
            since=self._midnight(self.since.data) if self.since.data else None,
            until=self._midnight(self.until.data + timedelta(days=1)) if self.until.data else None,
            people=self.by.data == PEOPLE,
        )
