"""A day that someone filters by."""

from datetime import date
from typing import Any

from wtforms import DateField

# Days whose midnight every clock can reckon with, in every time zone.
FIRST, LAST = date(1970, 1, 1), date(2200, 12, 31)


class DayField(DateField):
    """A date as in HTML. One before FIRST or after LAST counts as that: it filters alike."""

    data: Any

    def process_formdata(self, valuelist: Any) -> None:
        super().process_formdata(valuelist)
        day: date | None = self.data
        self.data = min(max(day, FIRST), LAST) if day else None
