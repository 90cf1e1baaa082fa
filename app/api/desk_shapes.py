"""The fields of records for programs that moderate. None contains an email address or a network."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from app.api.declared import Doc
from app.desk.cards import Card
from app.models import Actor, Decision, Note, Status, Thread
from app.moderation.history import can_be_undone


@dataclass(frozen=True)
class ThreadLink:
    id: int
    url: Annotated[str, Doc(example="https://news.example/story")]
    title: str


@dataclass(frozen=True)
class NoteText:
    """A moderator's note on a comment."""

    id: int
    by: Annotated[str | None, Doc("Null if the account is gone")]
    text: str
    made_at: datetime


@dataclass(frozen=True)
class DecisionMade:
    """A change of a comment's status."""

    id: int
    comment: Annotated[int, Doc("The comment's id")]
    from_status: Status | None
    to_status: Status
    version: Annotated[int, Doc("The comment's version after it")]
    actor: Actor
    moderator: Annotated[str | None, Doc("Name of the moderator or program")]
    reason: Annotated[str, Doc(example="off_topic")]
    note: str
    undoes: Annotated[int | None, Doc("The decision that it undid")]
    overrides: Annotated[bool, Doc("It knowingly replaced another moderator's decision")]
    made_at: datetime
    can_be_undone: bool


@dataclass(frozen=True)
class ModeratedComment:
    """A comment in any status, with what moderators see beside it."""

    id: Annotated[int, Doc(example=42)]
    status: Status
    version: Annotated[int, Doc("Goes into `seen` of a decision", example=1)]
    lane: Annotated[int, Doc("Of the queue: 1 urgent, 2 review, 3 probably fine, 4 spam; 0 if it is not in the queue")]
    thread: ThreadLink
    parent: int | None
    author: Annotated[int, Doc("The author's id on this site")]
    name: Annotated[str, Doc(example="Hanako")]
    website: str
    body: Annotated[str, Doc("Markdown as typed")]
    html: str
    lang: str
    badge: str | None
    member: Annotated[str | None, Doc("The author's id at the publisher, if they are a member")]
    created_at: datetime
    edited_at: datetime | None
    reasons: Annotated[list[str], Doc("Why it is held, in the language of the request")]
    score: Annotated[float | None, Doc("The spam score, 0 to 1")]
    picked: bool
    record: Annotated[dict[str, int], Doc("The author's comments on this site by status", example={"approved": 3})]
    alike: Annotated[int, Doc("Near duplicates")]
    reports: Annotated[dict[str, int], Doc("Open reports by reason", example={"hate": 1})]
    notes: list[NoteText]
    decision: Annotated[DecisionMade | None, Doc("The newest one")]
    reviewer: Annotated[str, Doc("Name of another moderator who is reviewing it")]


@dataclass(frozen=True)
class CommentPage:
    """Comments, and the cursor of the next page; null at the end."""

    comments: list[ModeratedComment]
    next: str | None


def comment(card: Card) -> ModeratedComment:
    of = card.comment
    return ModeratedComment(
        id=of.id,
        status=Status(of.status),
        version=of.version,
        lane=of.lane,
        thread=link(of.thread),
        parent=of.parent_id,
        author=of.author_id,
        name=of.name,
        website=of.website,
        body=of.body,
        html=of.html,
        lang=of.lang,
        badge=of.badge,
        member=of.author.member_sub,
        created_at=of.created_at,
        edited_at=of.edited_at,
        reasons=card.reasons,
        score=of.score,
        picked=of.picked_at is not None,
        record=card.record,
        alike=card.alike,
        reports=card.reports,
        notes=notes(card.notes),
        decision=decision(card.decision) if card.decision else None,
        reviewer=card.reviewer,
    )


def comments(cards: Iterable[Card], after: Any = None) -> CommentPage:
    return CommentPage([comment(card) for card in cards], str(after) if after else None)


def link(thread: Thread) -> ThreadLink:
    return ThreadLink(thread.id, thread.address, thread.label)


def notes(found: Iterable[Note]) -> list[NoteText]:
    return [
        NoteText(each.id, each.moderator.name if each.moderator else None, str(each.text), each.made_at)
        for each in found
    ]


def decision(made: Decision) -> DecisionMade:
    return DecisionMade(
        id=made.id,
        comment=made.comment_id,
        from_status=Status(made.from_status) if made.from_status else None,
        to_status=Status(made.to_status),
        version=made.version,
        actor=Actor(made.actor),
        moderator=made.moderator.name if made.moderator else None,
        reason=made.reason,
        note=made.note,
        undoes=made.undoes_id,
        overrides=made.overrides,
        made_at=made.made_at,
        can_be_undone=can_be_undone(made),
    )


def decisions(found: Iterable[Decision]) -> list[DecisionMade]:
    return [decision(each) for each in found]
