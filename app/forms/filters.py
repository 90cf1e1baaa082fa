"""The shared part of the filters of logs."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from wtforms import Form
from wtforms.fields.choices import SelectChoice


class FilterForm(Form):
    """`zone` is that of its days."""

    zone: ZoneInfo

    @property
    def asked(self) -> dict[str, str]:
        """Fields with a value, for links to further pages and for exports."""
        return {control.short_name: control.raw_data[0] for control in self if control.data and control.raw_data}

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone)

    @staticmethod
    def _choose(control: Any, choices: dict[str, Any]) -> None:
        control.choices = [SelectChoice("", _l("All")), *(SelectChoice(value, said) for value, said in choices.items())]
        control.data = control.data or ""
