"""The shared part of the filters of logs."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l
from wtforms import Form, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.widgets import TextInput

# A select has as many sites; of more, the key or name of one is typed.
MOST_SITES = 50


class SiteField(SelectField):
    """One of the moderator's sites: a select, or a text field for the key or the name of one of many."""

    data: str
    is_typed = is_unknown = False

    def offer(self, choices: dict[str, Any]) -> None:
        self.data = self.data or ""
        self.choices = [SelectChoice("", _l("All")), *(SelectChoice(value, said) for value, said in choices.items())]

    def take_typed(self) -> str:
        # PostgreSQL accepts no NUL.
        self.data = (self.data or "").replace("\0", "").strip()
        self.is_typed, self.widget, self.validate_choice, self.choices = True, TextInput(), False, []
        return self.data

    def _value(self) -> str:
        return self.data or ""


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
