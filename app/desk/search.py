"""Search results as cards."""

from app import replica
from app.desk.cards import cards_of, load
from app.desk.queue import Page, counts
from app.models import AskedOpinion, Comment, Moderator, Status, section_scope
from app.replica import UNKNOWN
from app.search.query import SearchQuery, search


def find(viewer: Moderator, query: SearchQuery, after: int | None = None, *, last_write: int = UNKNOWN) -> Page:
    """A page of results, newest first, before the comment `after`; scans a bounded number of comments.

    A replica may search if it has the viewer's `last_write`, a position. The cards are those of the primary.
    """
    found = replica.since(last_write, lambda: search(viewer, query, after))
    unseen = AskedOpinion.kept_from(viewer)
    known = load([id for id in found.ids if id not in unseen])
    cards = cards_of([each for each in known if _still_matches(each, viewer, query)], viewer)
    return Page(cards, counts(viewer), after=str(found.after or ""), further=str(found.further or ""))


def _still_matches(comment: Comment, viewer: Moderator, query: SearchQuery) -> bool:
    """A replica may have found it as it was some seconds ago: in another section, or before it was deleted."""
    fits = comment.status == query.status if query.status else comment.status != Status.DELETED
    return fits and section_scope.moderates(viewer, comment.thread)
