"""A thread as the public reads it: a fixed number of queries, whatever its size."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from flask_babel import gettext as _
from markupsafe import Markup

from app.comments import amend, avatar, tokens
from app.lib import markup
from app.models import Comment, Site, Status, Thread

SORTS = ("oldest", "newest")
CURSOR = re.compile(r"([0-9]{1,18})\.([0-9A-V]{9,180})", re.ASCII)


@dataclass(frozen=True)
class Own:
    """What only the author of a comment sees of it."""

    status: str
    editable_until: datetime | None
    token: str
    body: str


@dataclass(frozen=True)
class Shown:
    """A comment as the public may see it; every field is named here, and no other is shown."""

    id: int
    name: str
    website: str
    html: Markup | None
    created_at: datetime
    edited_at: datetime | None
    depth: int
    parent_id: int | None
    parent_name: str | None
    avatar: Markup
    permalink: str
    badge: str | None = None
    own: Own | None = None


@dataclass(frozen=True)
class ThreadPage:
    comments: list[Shown]
    total: int
    next: str | None
    open: bool
    sort: str


def page_of(site: Site, thread: Thread | None, *, sort: str, after: str = "", comment: int | None = None) -> ThreadPage:
    """A page of the public tree. `after` is a page's `next`; `comment` asks for the page that begins with it."""
    if thread is None:
        return ThreadPage([], 0, None, site.open, sort)
    if not thread.visible:
        return ThreadPage([], 0, None, False, sort)
    position = _position(after) or _just_before(thread, comment)
    rows = Comment.tree_page(thread, newest_first=sort == "newest", after=position, limit=site.page_size + 1)
    shown = rows[: site.page_size]
    last = shown[-1] if len(rows) > site.page_size else None
    return ThreadPage(
        comments=[show(row) for row in shown],
        total=thread.approved_count,
        next=f"{last.root_id}.{last.path}" if last else None,
        open=thread.accepts_comments(),
        sort=sort,
    )


def show(comment: Comment) -> Shown:
    """The public view of a comment; without body and name when it is not approved."""
    public = comment.status == Status.APPROVED
    return _shown(comment) if public else replace(_shown(comment), name="", website="", html=None, edited_at=None)


def show_own(comment: Comment, token: str) -> Shown:
    """The view that only its author gets."""
    until = amend.editable_until(comment)
    own = Own(_told(comment.status), until, token, comment.body)
    gone = comment.status == Status.DELETED
    return replace(_shown(comment), own=own, html=None if gone else Markup(comment.html))  # noqa: S704


def show_own_all(site: Site, thread: Thread | None, given: list[str]) -> list[Shown]:
    """An author's comments of a thread that wait, or that she may still amend."""
    mine = [
        comment
        for comment in tokens.comments_of(site, given)
        if thread and comment.thread_id == thread.id and comment.status != Status.DELETED
    ]
    return [
        show_own(comment, tokens.for_comment(comment))
        for comment in mine
        if comment.status != Status.APPROVED or amend.editable_until(comment)
    ]


def with_own(page: ThreadPage, mine: list[Shown]) -> tuple[ThreadPage, list[Shown]]:
    """The page with the author's view of what is hers, and what of hers is not on it."""
    own = {shown.id: shown for shown in mine}
    comments = [own.pop(shown.id, shown) for shown in page.comments]
    return replace(page, comments=comments), list(own.values())


def preview(body: str) -> Markup:
    """What `body` would be stored as."""
    return Markup(markup.render(body))  # noqa: S704


def _told(status: str) -> str:
    # Spam and rejected look as if they waited: whoever floods us learns nothing from the answer.
    return status if status in (Status.APPROVED, Status.DELETED) else Status.PENDING


def _shown(comment: Comment) -> Shown:
    parent = comment.parent
    return Shown(
        id=comment.id,
        name=comment.name or _("Anonymous"),
        website=comment.website,
        # It came out of lib/markup.py when it was written.
        html=Markup(comment.html),  # noqa: S704
        created_at=comment.created_at,
        edited_at=comment.edited_at,
        depth=comment.depth,
        parent_id=comment.parent_id,
        parent_name=(parent.name or _("Anonymous")) if parent and parent.status == Status.APPROVED else None,
        avatar=avatar.draw(comment.author),
        permalink=f"{comment.thread.url}#comment-{comment.id}",
    )


def _position(after: str) -> tuple[int, str] | None:
    found = CURSOR.fullmatch(after)
    return (int(found[1]), found[2]) if found else None


def _just_before(thread: Thread, id: int | None) -> tuple[int, str] | None:
    found = Comment.of_site([thread.site_id], id) if id else None
    if found is None or found.thread_id != thread.id or found.places < 1:
        return None
    # Every path of this root that sorts before the comment's own is left out; "!" is below every digit.
    return (found.root_id or 0, found.path[:-1] + chr(ord(found.path[-1]) - 1) + "~") if found.path else None
