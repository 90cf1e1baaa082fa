"""Search results as cards."""

from app.desk.cards import cards_of, load
from app.desk.queue import Page, counts
from app.models import Moderator
from app.search.query import SearchQuery, search


def find(viewer: Moderator, query: SearchQuery, after: int | None = None) -> Page:
    """A page of results, newest first, before the comment `after`; scans a bounded number of comments."""
    found = search(viewer, query, after)
    cards = cards_of(load(found.ids), viewer)
    return Page(cards, counts(viewer), after=str(found.after or ""), further=str(found.further or ""))
