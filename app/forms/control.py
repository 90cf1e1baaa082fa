"""How the settings page shows a setting."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Control:
    """`off` is the label of the switch, if the setting can be off."""

    label: Any
    help: Any = ""
    unit: Any = ""
    off: Any = ""
