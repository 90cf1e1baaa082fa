"""The public fields of each record, for readers' programs without a token."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from app.api.declared import Doc
from app.comments.reading import ThreadPage
from app.comments.shown import Shown
from app.models import State, Words
from app.models import Thread as ThreadRecord


@dataclass(frozen=True)
class Comment:
    """A comment as readers see it."""

    id: Annotated[int, Doc(example=42)]
    parent: int | None
    depth: int
    name: Annotated[str, Doc(example="Hanako")]
    website: str
    badge: Annotated[str | None, Doc("The badge of a comment by the site's staff; null for readers.")]
    member_badge: Annotated[str, Doc("The badge of a member of the publisher, or empty", example="Subscriber")]
    html: Annotated[str | None, Doc("Null for a placeholder", example="<p>I was there.</p>")]
    created_at: datetime
    edited_at: datetime | None
    covered: Annotated[bool, Doc("The editors hid a passage of its text")]
    url: str
    more: Annotated[
        str | None,
        Doc("Goes into `after` for the replies that follow in this branch; null when all are here."),
    ]
    helpful: Annotated[int | None, Doc("How many readers found it helpful; null where the site has no votes")]
    picked: Annotated[bool, Doc("An editors' pick")]


@dataclass(frozen=True)
class Page:
    url: str
    title: str


@dataclass(frozen=True)
class PickedComment(Comment):
    """A comment with its page."""

    page: Page


@dataclass(frozen=True)
class Picks:
    picks: list[PickedComment]


@dataclass(frozen=True)
class LatestComment(PickedComment):
    excerpt: Annotated[str, Doc("The beginning of its text, without markup", example="I was there.")]


@dataclass(frozen=True)
class Latest:
    comments: list[LatestComment]


@dataclass(frozen=True)
class HouseRules:
    """What the site tells those who write."""

    html: Annotated[
        str | None,
        Doc("Above the form, safe to show; null where the site has none of its own, empty where it wants none"),
    ]
    url: Annotated[str, Doc("The full house rules, or empty")]
    version: Annotated[str, Doc("If not empty, a comment needs it as `accepted`")]


@dataclass(frozen=True)
class PublicThread:
    """A page of a thread; the next page is `after=next`, further replies are `after=more` of a comment."""

    total: int
    open: Annotated[bool, Doc("Whether readers can comment.")]
    state: Annotated[State, Doc("held: each new comment waits for a moderator. hidden: no comments are shown.")]
    sort: str
    next: str | None
    rules: HouseRules
    comments: list[Comment]


@dataclass(frozen=True)
class Posted:
    """`token` and `author` only for the sender: they edit the comment, and recognise its author."""

    status: Annotated[str, Doc("approved or pending")]
    comment: Comment
    token: str = ""
    author: str = ""


def comment(shown: Shown) -> Comment:
    return Comment(**_fields(shown))


def pick(thread: ThreadRecord, shown: Shown) -> PickedComment:
    return PickedComment(**_fields(shown), page=Page(thread.address, thread.label))


def latest(thread: ThreadRecord, shown: Shown) -> LatestComment:
    return LatestComment(**_fields(shown), page=Page(thread.address, thread.label), excerpt=shown.excerpt)


def thread(page: ThreadPage, words: Words) -> PublicThread:
    return PublicThread(
        total=page.total,
        open=page.open,
        state=State(page.state),
        sort=page.sort,
        next=page.next,
        rules=HouseRules(None if words.html is None else str(words.html), words.rules_url, words.rules_version),
        comments=[comment(shown) for shown in page.comments],
    )


def _fields(shown: Shown) -> dict[str, Any]:
    return {
        "id": shown.id,
        "parent": shown.parent_id,
        "depth": shown.depth,
        "name": shown.name,
        "website": shown.website,
        "badge": shown.badge,
        "member_badge": shown.member_badge,
        "html": None if shown.html is None else str(shown.html),
        "created_at": shown.created_at,
        "edited_at": shown.edited_at,
        "covered": shown.covered,
        "url": shown.permalink,
        "more": shown.more,
        "helpful": shown.helpful,
        "picked": shown.picked,
    }
