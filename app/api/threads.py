"""Threads: a page of comments for readers' programs; state, details and addresses for moderators' programs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from flask import Blueprint, Response, jsonify, request
from flask_babel import gettext as _

from app.api import cors, shapes
from app.api.access import current_program, current_site, missing
from app.api.declared import Doc, Invalid, written
from app.api.operation import operation, public, tell_next
from app.comments import reading
from app.comments.orders import ORDERS
from app.database import write_transaction
from app.desk import naming
from app.forms.where import where
from app.lib.language import languages
from app.lib.text import clean_line
from app.models import Actor, Scope, State, Thread, ThreadChange, comment_counts
from app.models.commenters import INHERITED, Commenters
from app.models.thread import LONGEST_TITLE
from app.models.thread_change import LONGEST_REASON
from app.moderation import articles
from app.transfer import moves
from app.transfer.moves import REFUSED, Outcome

bp = Blueprint("threads", __name__)

MOST, MOST_MOVES, LONGEST_URL = 100, 500, 2_500
# Threads that a search reads at once.
LOOK = 2_000
COMMENTERS = (INHERITED, *(each.value for each in Commenters))


@dataclass(frozen=True)
class PageQuery:
    """Without `site`, a token is needed, and the threads of its site are listed."""

    site: Annotated[str, Doc("The site's key", example="news")]
    url: Annotated[str, Doc("The page's address", example="https://news.example/story")]
    thread: Annotated[str, Doc("The page's own id, where it gives one")] = ""
    title: Annotated[str, Doc("The page's title")] = ""
    section: Annotated[str, Doc("Key of the page's section, where no path of the site's sections tells it")] = ""
    sort: Annotated[str, Doc("Order of the roots", choices=lambda: tuple(ORDERS))] = ""
    lang: Annotated[str, Doc("Language of sentences", choices=languages)] = ""
    after: Annotated[str, Doc("The `next` of the page before, or the `more` of a comment")] = ""


@dataclass(frozen=True)
class ThreadsQuery:
    q: Annotated[str, Doc("Part of the address or title", longest=200)] = ""
    after: Annotated[int | None, Doc("The `next` of the page before", least=1)] = None
    limit: Annotated[int, Doc("Threads of a page", least=1, most=MOST)] = 25


@dataclass(frozen=True)
class ListedThread:
    """An article with comments. `state_now` is what readers meet: the site's settings may have closed it."""

    id: int
    key: Annotated[str, Doc("What identifies the page: its address in normal form, or `id:` and its own id")]
    url: Annotated[str, Doc(example="https://news.example/story")]
    title: str
    section: Annotated[str, Doc("Key of its section, or ''")]
    state: State
    state_now: State
    commenters: Annotated[str, Doc("Who may comment: everyone or members; '' as in its section or on the site")]
    held_until: datetime | None
    comments: Annotated[int, Doc("In every status")]
    approved: int
    published_at: datetime | None
    created_at: datetime


@dataclass(frozen=True)
class ThreadPage:
    """The newest first. With `q`, a page may be empty although there are more."""

    threads: list[ListedThread]
    next: str | None


@dataclass(frozen=True)
class StateWanted:
    state: State
    reason: Annotated[str, Doc("For the log", longest=LONGEST_REASON)] = ""


@dataclass(frozen=True)
class StateChange:
    id: int
    thread: int
    from_state: State
    to_state: State
    actor: Actor
    moderator: str | None
    reason: str
    undoes: bool
    made_at: datetime


@dataclass(frozen=True)
class StateAnswer:
    """`change` is null if the thread was in this state already."""

    thread: ListedThread
    change: StateChange | None


@dataclass(frozen=True)
class Details:
    """Those that are given are set by hand, and override those that pages send; '' gives that up."""

    title: Annotated[str | None, Doc(longest=LONGEST_TITLE)] = None
    url: Annotated[str | None, Doc("Another form of the same page's address", longest=LONGEST_URL)] = None
    published: Annotated[str | None, Doc("A date or time (ISO 8601)", longest=40)] = None
    section: Annotated[str | None, Doc("Key of its section; '' lets paths decide", longest=64)] = None
    commenters: Annotated[
        str | None, Doc("Who may comment; '' as in its section or on the site", choices=lambda: COMMENTERS)
    ] = None


@dataclass(frozen=True)
class Pair:
    old: Annotated[str, Doc("An address, or a path of the site", longest=LONGEST_URL, example="/2026/story")]
    new: Annotated[str, Doc(longest=LONGEST_URL, example="/story")]


@dataclass(frozen=True)
class Moves:
    moves: Annotated[list[Pair], Doc(most_items=MOST_MOVES)]
    dry_run: bool = False


@dataclass(frozen=True)
class Moved:
    old: str
    new: str
    outcome: Outcome
    comments: Annotated[int, Doc("Moved ones, in every status")]


@dataclass(frozen=True)
class MoveAnswer:
    """Nothing is done if one move is impossible. A move to a page with comments merges the two threads."""

    done: bool
    moves: list[Moved]


@bp.get("/threads")
@public("A page of a thread, or with a token the threads of its site", query=PageQuery,
        answers={200: shapes.PublicThread}, errors=(404, 422))  # fmt: skip
def thread() -> Response:
    if "site" not in request.args:
        listed: Response = show_all()
        return listed
    here = where(request.args)
    page = reading.page_of(
        here.site, here.thread, sort=here.sort, after=request.args.get("after", ""),
        at_least=here.section.state if here.section else State.OPEN,
    )  # fmt: skip
    answer = jsonify(written(shapes.thread(page, here.words)))
    tell_next(answer, page.next)
    return cors.for_every_page(answer)


@operation("Threads of the site, newest first", scope=Scope.READ, query=ThreadsQuery, answers={200: ThreadPage})
def show_all(query: ThreadsQuery) -> ThreadPage:
    site, search, after = current_site(), clean_line(query.q), query.after or 0
    down_to = Thread.id_back(site, LOOK, after) if search else 0
    found = Thread.of_site(site, after=after, down_to=down_to, limit=query.limit + 1, search=search)
    shown = found[: query.limit]
    following = shown[-1].id if len(found) > len(shown) else down_to
    return ThreadPage(_threads(shown), str(following) if following else None)


thread.also = show_all  # type: ignore[attr-defined]


@bp.get("/threads/<int:id>")
@operation("A thread", scope=Scope.READ, answers={200: ListedThread}, errors=(404,))
def show(id: int) -> ListedThread:
    return _listed(id)


@bp.post("/threads/<int:id>")
@operation("Set title, address, date, section and commenters of a thread", scope=Scope.MODERATE, body=Details,
           answers={200: ListedThread}, errors=(404,))  # fmt: skip
def change(id: int, body: Details) -> ListedThread:
    given = {name: value for name, value in vars(body).items() if value is not None}
    with write_transaction():
        naming.name(_thread(id), given, by=current_program())
    return _listed(id)


@bp.post("/threads/<int:id>/state")
@operation("Open, close, hold or hide the comments of an article", scope=Scope.MODERATE, body=StateWanted,
           answers={200: StateAnswer}, errors=(404,))  # fmt: skip
def set_state(id: int, body: StateWanted) -> StateAnswer:
    with write_transaction():
        change = articles.set_state(_thread(id), body.state, by=current_program(), reason=clean_line(body.reason))
    return StateAnswer(_listed(id), _change(change) if change else None)


@bp.post("/threads/changes/<int:id>/undo")
@operation("Undo the newest change of a thread's state", scope=Scope.MODERATE, answers={200: StateAnswer},
           errors=(404, 409))  # fmt: skip
def undo(id: int) -> StateAnswer:
    change = ThreadChange.of_site([current_site().id], id)
    if change is None:
        raise missing()
    with write_transaction():
        undone = articles.undo(change, by=current_program())
    return StateAnswer(_listed(undone.thread_id), _change(undone))


@bp.post("/threads/moves")
@operation("Give threads new addresses, and merge them", scope=Scope.MANAGE, body=Moves, answers={200: MoveAnswer})
def move(body: Moves) -> MoveAnswer:
    if not body.moves:
        raise Invalid({"moves": [_("This is required.")]})
    tried: list[moves.Move] = []
    try:
        with write_transaction():
            tried = moves.remap(current_site(), [(pair.old, pair.new) for pair in body.moves])
            if body.dry_run or any(each.outcome in REFUSED for each in tried):
                raise _Undone
    except _Undone:
        return _moved(tried, done=False)
    return _moved(tried, done=True)


class _Undone(Exception):
    """Ends the transaction of a dry run."""


def _moved(tried: Iterable[moves.Move], *, done: bool) -> MoveAnswer:
    return MoveAnswer(done, [Moved(each.old, each.new, each.outcome, each.comments) for each in tried])


def _listed(id: int) -> ListedThread:
    return _threads([_thread(id)])[0]


def _thread(id: int) -> Thread:
    found = Thread.of(current_site(), id)
    if found is None:
        raise missing()
    return found


def _threads(found: list[Thread]) -> list[ListedThread]:
    counts = comment_counts.by_thread([each.id for each in found])
    return [_shown(each, counts.get(each.id, 0)) for each in found]


def _shown(of: Thread, comments: int) -> ListedThread:
    return ListedThread(
        id=of.id,
        key=of.key,
        url=of.address,
        title=of.title,
        section=of.section,
        state=State(of.state),
        state_now=of.state_now,
        commenters=of.commenters,
        held_until=of.held_until,
        comments=comments,
        approved=of.approved_count,
        published_at=of.started_at,
        created_at=of.created_at,
    )


def _change(of: ThreadChange) -> StateChange:
    return StateChange(
        id=of.id,
        thread=of.thread_id,
        from_state=State(of.from_state),
        to_state=State(of.to_state),
        actor=Actor(of.actor),
        moderator=of.moderator.name if of.moderator else None,
        reason=of.reason,
        undoes=of.undoes,
        made_at=of.made_at,
    )
