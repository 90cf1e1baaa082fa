"""The queue for programs: pending comments by lane, and leases."""

from dataclasses import dataclass
from typing import Annotated

from flask import Blueprint
from flask_babel import gettext as _

from app.api import desk_shapes
from app.api.access import comment_or_404, current_program
from app.api.declared import Doc, Invalid
from app.api.desk_shapes import ModeratedComment
from app.api.operation import operation
from app.database import write_transaction
from app.desk import queue
from app.models import Comment, Lease, Scope, Snooze

bp = Blueprint("queue", __name__)

MOST = 100


@dataclass(frozen=True)
class QueueQuery:
    lane: Annotated[int, Doc("1 urgent, 2 review, 3 probably fine, 4 spam, 5 all", least=1, most=5)] = queue.ALL
    after: Annotated[str, Doc("The `next` of the page before", longest=100)] = ""
    limit: Annotated[int, Doc("Comments of a page", least=1, most=MOST)] = queue.PAGE
    snoozed: Annotated[bool, Doc("Those that this token snoozed, instead of the others")] = False


@dataclass(frozen=True)
class QueuePage:
    """Pending comments, and public ones that readers reported, without those that another moderator reviews, and the
    number in each lane (1000: or more)."""

    comments: list[ModeratedComment]
    counts: Annotated[dict[str, int], Doc(example={"1": 0, "2": 3, "3": 1, "4": 0, "5": 4})]
    reviewing: Annotated[dict[str, int], Doc("Other moderators, with the number of comments they review")]
    next: str | None


@dataclass(frozen=True)
class Leasing:
    comments: Annotated[list[Annotated[int, Doc(least=1)]], Doc("Ids", most_items=MOST, example=[41, 42])]
    release: Annotated[bool, Doc("Give the leases back")] = False


@dataclass(frozen=True)
class Snoozing:
    back: Annotated[bool, Doc("Return it to the queue")] = False


@dataclass(frozen=True)
class Snoozed:
    """For an hour, the comment is left out of this token's queue."""

    comment: int
    snoozed: bool


@dataclass(frozen=True)
class Leased:
    """`comments` are leased for three minutes; another moderator reviews the others, or they are gone."""

    comments: list[int]


@bp.get("/queue")
@operation("Comments in the queue", scope=Scope.READ, query=QueueQuery, answers={200: QueuePage})
def show(query: QueueQuery) -> QueuePage:
    if query.after and not queue.PLACE.fullmatch(query.after):
        raise Invalid({"after": [_("Use the “next” of the page before.")]})
    me = current_program()
    ids = queue.ids_in(me, query.lane, query.after, size=query.limit, snoozed=query.snoozed)
    page = queue.page_of(me, query.lane, ids, size=query.limit)
    counts = {str(lane): count for lane, count in page.counts.items()}
    cards = [desk_shapes.comment(card) for card in page.cards]
    return QueuePage(cards, counts, page.reviewing or {}, page.after or None)


@bp.post("/queue/leases")
@operation("Lease comments, so that other moderators get other ones", scope=Scope.MODERATE, body=Leasing,
           answers={200: Leased})  # fmt: skip
def lease(body: Leasing) -> Leased:
    me = current_program()
    ids = Comment.on_sites(me.site_ids, body.comments)
    with write_transaction():
        if body.release:
            Lease.release(ids, me)
            return Leased([])
        return Leased(sorted(Lease.take(ids, me)))


@bp.post("/comments/<int:id>/snooze")
@operation("Snooze a comment for an hour, for this token", scope=Scope.MODERATE, body=Snoozing, answers={200: Snoozed},
           errors=(404,))  # fmt: skip
def snooze(id: int, body: Snoozing) -> Snoozed:
    comment, me = comment_or_404(id), current_program()
    with write_transaction():
        if body.back:
            Snooze.end(comment, me)
        else:
            Snooze.begin(comment, me)
            Lease.release([comment.id], me)
    return Snoozed(comment.id, not body.back)
