"""Filters of the log."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from app.forms.day import DayField
from app.forms.filters import MOST_SITES, FilterForm, SiteField
from app.models import Moderator, Site, Status, own_reasons_of, reason_codes, reason_name
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

    site = SiteField(_l("Site"))
    status = SelectField(_l("Status"))
    moderator = SelectField(_l("Moderator"))
    reason = SelectField(_l("Reason"))
    since = DayField(_l("From"), [Optional()])
    until = DayField(_l("Until"), [Optional()])
    by = SelectField(_l("Decided by"))
    chosen: Site | None

    @classmethod
    def of(cls, moderator: Moderator, people: list[Moderator], given: Any, *, usual: str) -> "LogForm":
        form, own = cls(given), own_reasons_of(moderator)
        form.chosen = form._site_among(moderator)
        form._choose(form.status, STATUSES)
        form._choose(form.moderator, {str(person.id): person.name for person in people})
        form._choose(form.reason, {code: reason_name(code) for code in reason_codes()} | own)
        form.by.choices = [SelectChoice(value, said) for value, said in BY.items()]
        form.by.data = form.by.data or usual
        form.zone = ZoneInfo(form.chosen.timezone if form.chosen else moderator.timezone)
        return form

    def _site_among(self, moderator: Moderator) -> Site | None:
        """The chosen site; of many, the one whose key was typed, else whose name."""
        if len(moderator.site_ids) <= MOST_SITES:
            sites = {str(site.id): site for site in moderator.sites()}
            self.site.offer({id: site.name for id, site in sites.items()})
            return sites.get(self.site.data)
        typed = self.site.take_typed()
        ways = (Site.key == typed, Site.name == typed) if typed else ()
        found = next((site for way in ways for site in moderator.sites(way)), None)
        self.site.is_unknown = bool(typed) and found is None
        return found

    @property
    def wanted(self) -> LogFilter:
        """Whole days in the time zone of the chosen site, or of the moderator's first site."""
        return LogFilter(
            site_id=self.chosen.id if self.chosen else 0 if self.site.is_unknown else None,
            status=self.status.data or None,
            moderator_id=int(self.moderator.data) if self.moderator.data else None,
            reason=self.reason.data or None,
            since=self._midnight(self.since.data) if self.since.data else None,
            until=self._midnight(self.until.data + timedelta(days=1)) if self.until.data else None,
            people=self.by.data == PEOPLE,
        )
