"""The search page of the desk: what a search found, as cards."""

from app.desk.cards import cards_of, load
from app.desk.queue import Page, counts
from app.models import Moderator
from app.search.query import Wanted, look


def find(viewer: Moderator, wanted: Wanted, after: int | None = None) -> Page:
    """A page of results, newest first, starting before the comment `after`; a bounded number of comments is read."""
    found = look(viewer, wanted, after)
    cards = cards_of(load(found.ids), viewer)
    return Page(cards, counts(viewer), after=str(found.after or ""), further=str(found.further or ""))
