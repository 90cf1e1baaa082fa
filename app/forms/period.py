"""The days of a report."""

from datetime import date, timedelta
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Form
from wtforms.validators import DataRequired, ValidationError

from app.forms.day import DayField


class PeriodForm(Form):
    """`PeriodForm.of(request.args, today, most)`; without days it is the month before."""

    since = DayField(_l("From"), [DataRequired(_l("Enter a day."))])
    until = DayField(_l("Until"), [DataRequired(_l("Enter a day."))])

    most: int

    @classmethod
    def of(cls, given: Any, today: date, most: int) -> "PeriodForm":
        last = today.replace(day=1) - timedelta(days=1)
        asked = "since" in given or "until" in given
        form = cls(given if asked else None, data={"since": last.replace(day=1), "until": last})
        form.most = most
        return form

    def validate_until(self, field: Any) -> None:
        first, last = self.since.data, field.data
        if not first or not last:
            return
        if last < first:
            raise ValidationError(_("The end is before the beginning."))
        if (last - first).days >= self.most:
            raise ValidationError(_("Choose at most %(most)d days.", most=self.most))
