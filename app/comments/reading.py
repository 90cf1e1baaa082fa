"""Read a thread for the public with a fixed number of queries."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from flask_babel import gettext as _
from markupsafe import Markup

from app import replica
from app.comments import amend, avatar, picks, tokens, tree
from app.comments.orders import ORDERS, Order
from app.comments.shown import AuthorView, Shown
from app.lib import markup
from app.models import Author, Comment, Site, State, Status, Thread, imported
from app.models.badge import badge_text
from app.models.pick import MOST
from app.models.thread_state import ACCEPTING, stricter
from app.notify import signed_links

# A root id, with its votes where they decide, or a root id and a path in its branch.
CURSOR = re.compile(r"(?:([0-9]{1,9})~)?([0-9]{1,18})(?:\.([0-9A-V]{9,180}))?", re.ASCII)
# In a thread of several pages, each branch first shows a few replies.
REPLIES, SHARE_OF_REPLIES = 5, 5


class Listed(NamedTuple):
    """Position of a comment on a page."""

    row: tree.Seen
    more: str | None
    anchor: int | None
    parent_at: int | None


@dataclass(frozen=True)
class ThreadPage:
    listed: list[Listed]
    thread: Thread | None
    total: int
    next: str | None
    # "closed" also where the site's settings close it.
    state: State
    sort: str
    within: bool = False
    # The editors' picks, above the first page.
    picks: Sequence[Shown] = ()
    own: Mapping[int, Shown] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.state in ACCEPTING

    @property
    def held(self) -> bool:
        """True if all new comments wait for a moderator."""
        return self.state == State.HELD

    @property
    def order(self) -> Order:
        return ORDERS[self.sort]

    @property
    def newest_first(self) -> bool:
        return self.order.newest_first and not self.order.by_votes

    @property
    def comments(self) -> list[Shown]:
        return [self.show(each) for each in self.listed]

    @property
    def made_of(self) -> tuple[str, str, str, bool]:
        """What the views of its comments are made of beside their `Listed`."""
        return _made_of(self.thread) if self.thread else ("", "", "", False)

    def show(self, listed: Listed) -> Shown:
        if own := self.own.get(listed.row.id):
            return replace(own, more=listed.more)
        row, more, anchor, parent_at = listed
        shown = _shown(row, *self.made_of, parent_at, more, anchor)
        return shown if row.status == Status.APPROVED else _bodiless(shown)


def page_of(
    site: Site,
    thread: Thread | None,
    *,
    sort: str,
    after: str = "",
    comment: int | None = None,
    at_least: State = State.OPEN,
) -> ThreadPage:
    """A page of the public tree. `after` is a page's `next` or a comment's `more`; `comment` must be on the page.

    At most `page_size` comments; larger threads show only first replies of each branch. `at_least` is the state of the
    page's section.
    """
    own = thread.state_now if thread else State.OPEN if site.open else State.CLOSED
    state = stricter(own, at_least)
    if thread is None or state == State.HIDDEN:
        return ThreadPage([], None, 0, None, state, sort)
    return replica.of_thread(thread, lambda: _page_of(thread, sort, after, comment, state))


def _page_of(thread: Thread, sort: str, after: str, comment: int | None, state: State) -> ThreadPage:
    within = bool(comment or CURSOR.fullmatch(after))
    whole = None if within else _whole(thread, sort)
    listed, following = whole or _part(thread, sort, after, comment)
    return ThreadPage(
        listed=listed,
        thread=thread,
        total=thread.approved_count,
        next=following,
        state=state,
        sort=sort,
        within=within,
        picks=() if within else _picks(thread, listed if whole else None),
    )


def _picks(thread: Thread, whole: list[Listed] | None) -> list[Shown]:
    """Without a query where all comments of the thread are on the page."""
    if whole is None:
        return [show(comment) for comment in picks.of_thread(thread)]
    rows = [each.row for each in whole if each.row.picked_at and each.row.status == Status.APPROVED]
    made_of = _made_of(thread)
    ordered = sorted(rows, key=lambda row: (row.picked_at, row.id))
    return [_shown(row, *made_of, row.parent_id) for row in ordered[:MOST]]


def _whole(thread: Thread, sort: str) -> tuple[list[Listed], None] | None:
    """The only page of a short thread; None if placeholders make it longer."""
    room = thread.site.page_size
    if thread.approved_count > room:
        return None
    rows = tree.whole(thread, order=ORDERS[sort], limit=room)
    return None if rows is None else ([Listed(row, None, None, row.parent_id) for row in rows], None)


def _part(thread: Thread, sort: str, after: str, comment: int | None) -> tuple[list[Listed], str | None]:
    """A page of a longer thread (first, after a cursor, or around a comment), and the root before the next page."""
    room = thread.site.page_size
    wanted = _placed(thread, comment) if comment else None
    branches, last = _fitting(_branches(thread, ORDERS[sort], after, wanted, room), room)
    following = _cursor(last, ORDERS[sort]) if last else None
    more = {branch.places[-1].row.id: branch.end for branch in branches if branch.goes_on}
    rows = [place.row for branch in branches for place in branch.places]
    anchors = {wanted.id: comment} if wanted else {}
    here = {row.id: anchors.get(row.id, row.id) for row in rows}
    listed = [Listed(row, more.get(row.id), anchors.get(row.id), here.get(row.parent_id or 0)) for row in rows]
    return listed, following


def _branches(thread: Thread, order: Order, after: str, wanted: Comment | None, room: int) -> list[tree.Branch]:
    root, path, votes = _position(after)
    if root and path:
        return [tree.rest_of_branch(thread, root, path, room)]
    replies = room if thread.approved_count <= room else max(REPLIES, room // SHARE_OF_REPLIES)
    found = [tree.branch_around(wanted, replies)] if wanted else []
    if found:
        root, votes = found[0].places[0].root_id, found[0].places[0].row.helpful
    return found + tree.branches(thread, order=order, after=root, votes=votes, limit=room, replies=replies)


def _fitting(branches: list[tree.Branch], room: int) -> tuple[list[tree.Branch], tree.Seen | None]:
    """The branches of a page, and its last root if more follow."""
    fitting: list[tree.Branch] = []
    for branch in branches:
        if not room:
            return fitting, fitting[-1].places[0].row
        fitting.append(branch.cut(room))
        room -= len(fitting[-1].places)
    return fitting, None


def show(comment: Comment) -> Shown:
    """The public view of a comment; without a body unless it is public."""
    shown = _shown(comment, *_made_of(comment.thread), comment.parent_id)
    return shown if comment.is_public else _bodiless(shown)


def show_vote(comment: Comment, count: int, *, voted: bool) -> Shown:
    """The public view for a reader who voted, with the number as it is now."""
    return replace(show(comment), helpful=count, voted=voted)


def show_own(comment: Comment, token: str) -> Shown:
    until = amend.editable_until(comment)
    own = AuthorView(_public_status(comment.status), until, token, comment.body, signed_links.own_link(comment))
    gone = comment.status == Status.DELETED
    shown = _shown(comment, *_made_of(comment.thread), comment.parent_id)
    return replace(shown, own=own, html=None if gone else Markup(comment.html))  # noqa: S704


def show_own_all(site: Site, thread: Thread | None, given: list[str]) -> list[Shown]:
    """The author's comments in a thread that are pending or editable; none where the comments are hidden."""
    mine = [
        comment
        for comment in tokens.comments_of(site, given)
        if thread and thread.visible and comment.thread_id == thread.id
    ]
    return waiting_or_editable(mine)


def waiting_or_editable(mine: Iterable[Comment]) -> list[Shown]:
    """Their author's view of those comments that are pending or may still be edited."""
    return [
        show_own(comment, tokens.for_comment(comment))
        for comment in mine
        if comment.status != Status.DELETED and (comment.status != Status.APPROVED or amend.editable_until(comment))
    ]


def with_own(page: ThreadPage, mine: list[Shown]) -> tuple[ThreadPage, list[Shown]]:
    """The page with the author's view of their own comments."""
    there = {each.row.id for each in page.listed}
    own = {shown.id: shown for shown in mine if shown.id in there}
    return replace(page, own=own), [shown for shown in mine if shown.id not in there]


def preview(body: str) -> Markup:
    """The HTML that `body`, cleaned by the form, would be stored as."""
    return Markup(markup.render_clean(body))  # noqa: S704


def _public_status(status: str) -> str:
    # Spam and rejected comments look pending, so that spammers learn nothing.
    return status if status in (Status.APPROVED, Status.DELETED) else Status.PENDING


def _bodiless(shown: Shown) -> Shown:
    gone = {"name": "", "website": "", "html": None, "edited_at": None, "parent_name": None, "covered": False}
    return replace(shown, badge=None, member_badge="", **gone)  # type: ignore[arg-type]


def _made_of(thread: Thread) -> tuple[str, str, str, bool]:
    return thread.address, thread.site.avatar_key, thread.site.lang, thread.site.votes


def _shown(
    comment: Comment | tree.Seen,
    address: str,
    avatar_key: str,
    site_lang: str,
    votes: bool,
    parent_at: int | None,
    more: str | None = None,
    anchor: int | None = None,
) -> Shown:
    answered = comment.answered
    return Shown(
        id=comment.id,
        name=comment.name or _("Anonymous"),
        website=comment.website,
        # Rendered by lib/markup.py when it was stored.
        html=Markup(comment.html),  # noqa: S704
        created_at=comment.created_at,
        edited_at=comment.edited_at,
        depth=comment.depth,
        parent_id=comment.parent_id,
        parent_name=_("Anonymous") if answered == "" else answered,
        parent_at=parent_at,
        avatar=avatar.draw(Author.seed_of(avatar_key, comment.author_id, erased=comment.erased)),
        permalink=f"{address}#comment-{comment.id}",
        site_lang=site_lang,
        badge=badge_text(comment.badge),
        member_badge=comment.member_badge,
        more=more,
        anchor=anchor,
        helpful=comment.helpful if votes else None,
        covered=comment.covered_at is not None,
        picked=comment.picked_at is not None,
    )


def _cursor(root: tree.Seen, order: Order) -> str:
    """With the votes that it had, so that the next page neither repeats nor misses others when votes come in."""
    return f"{root.helpful}~{root.id}" if order.by_votes else str(root.id)


def _position(after: str) -> tuple[int | None, str, int]:
    """Root id, path in its branch, and votes."""
    found = CURSOR.fullmatch(after)
    return (int(found[2]), found[3] or "", int(found[1] or 0)) if found else (None, "", 0)


def public_comment(thread: Thread, number: int) -> Comment | None:
    """The public comment with this number in its links."""
    found = _placed(thread, number)
    return found if found and found.is_public else None


def _placed(thread: Thread, number: int) -> Comment | None:
    ours, theirs = Comment.of_site([thread.site_id], number), imported.numbered_elsewhere(thread, number)
    placed = (
        found for found in (ours, *theirs) if found and found.thread_id == thread.id and found.approved_descendants > 0
    )
    return next(placed, None)
