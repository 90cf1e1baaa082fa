"""Sort orders of a thread, for the parameter, the links and the page cache."""

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l


@dataclass(frozen=True)
class Order:
    """Order of the roots. Replies always follow their parent, oldest first."""

    label: Any
    newest_first: bool
    # Most votes first; among equals `newest_first`. Only on sites with votes.
    by_votes: bool = False
    # How it counts, for readers.
    explained: Any = ""


# By their name in `sort=` and `data-sort`; the first is the default.
ORDERS = {
    "oldest": Order(_l("Oldest"), newest_first=False),
    "newest": Order(_l("Newest"), newest_first=True),
    "helpful": Order(
        _l("Most helpful"),
        newest_first=True,
        by_votes=True,
        explained=_l(
            "Comments that most readers found helpful come first (each network counts once), and replies stay below "
            "the comment they answer."
        ),
    ),
}


def orders_of(*, votes: bool) -> dict[str, Order]:
    """Orders of a site with or without votes."""
    return {name: order for name, order in ORDERS.items() if votes or not order.by_votes}


def order_or_default(name: str | None, *, votes: bool = True) -> str:
    return name if name in orders_of(votes=votes) else next(iter(ORDERS))
