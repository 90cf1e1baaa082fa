"""Sort orders of a thread, for the parameter, the links and the page cache."""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class Order:
    """Order of the roots. Replies always follow their parent, oldest first."""

    label: Any
    newest_first: bool


# By their name in `sort=` and `data-sort`; the first is the default.
ORDERS = {
    "oldest": Order(_l("Oldest"), newest_first=False),
    "newest": Order(_l("Newest"), newest_first=True),
}


def order_or_default(name: str | None) -> str:
    return name if name in ORDERS else next(iter(ORDERS))
