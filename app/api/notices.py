"""Legal notices for programs: list the cases, read one, and close it with a statement of reasons."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from flask import Blueprint, Response
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.api import desk_shapes
from app.api.access import comment_or_404, current_program, current_site, missing
from app.api.declared import LONGEST_MOMENT, Doc, Invalid, Version, written
from app.api.desk_shapes import ModeratedComment
from app.api.operation import operation
from app.api.problems import problem
from app.database import write_transaction
from app.desk.cards import card_of
from app.errors import Refused
from app.forms.notice import FACTS_LENGTH, GROUNDS, LAW_LENGTH, RulingForm
from app.lib import ids
from app.models import Claim, Comment, Notice, NoticeEvent, NoticeState, Outcome, Party, Scope
from app.moderation import notices
from app.moderation.notice_state import EVENTS

bp = Blueprint("notices", __name__)

MOST = 100
# The token is the proof that a request was meant.
NO_CSRF = {"csrf": False}


@dataclass(frozen=True)
class NoticesQuery:
    state: Annotated[NoticeState | None, Doc("By default, cases without a decision: open and inquiry")] = None
    after: Annotated[
        str, Doc("The `next` of the page before", longest=LONGEST_MOMENT + 20, example="2026-11-29T12:00:00Z.42")
    ] = ""
    limit: Annotated[int, Doc("Notices of a page", least=1, most=MOST)] = 25


@dataclass(frozen=True)
class NoticeShown:
    """A legal notice and its decision. The notifier's name and email address are on the page only."""

    id: int
    number: Annotated[str, Doc("Of the receipt", example="7K2M-9QXA")]
    state: Annotated[NoticeState, Doc("inquiry: the comment's author was asked and may still answer")]
    version: Annotated[int, Doc("Goes into `seen` of the decision", example=1)]
    comment: Annotated[int, Doc("The comment's id")]
    claim: Claim
    law: Annotated[str, Doc("As the notifier typed it")]
    explanation: Annotated[str, Doc("As the notifier typed it")]
    lang: Annotated[str, Doc("Of the notifier, or empty")]
    made_at: datetime
    due_at: datetime
    confirmed_at: Annotated[datetime | None, Doc("When the notifier confirmed the email address")]
    disowned_at: Annotated[datetime | None, Doc("When the owner of that address denied having sent the notice")]
    asked_at: Annotated[datetime | None, Doc("When the comment's author was asked")]
    answer: Annotated[str, Doc("Of the author: consent, objection or none; empty while the case waits for it")]
    outcome: Annotated[Outcome | None, Doc("Null until it is decided")]
    ground: Annotated[str, Doc("law, rules or empty")]
    provision: str
    facts: str
    closed_at: datetime | None
    objected_at: Annotated[datetime | None, Doc("When the notifier objected to a decision")]
    decision: Annotated[int | None, Doc("The decision that removed the comment")]


@dataclass(frozen=True)
class NoticePage:
    """The earliest deadline first."""

    notices: list[NoticeShown]
    next: str | None


@dataclass(frozen=True)
class CaseEvent:
    id: int
    kind: Annotated[str, Doc(choices=lambda: tuple(EVENTS), example="opened")]
    actor: Party
    moderator: Annotated[str | None, Doc("Name of the moderator or program")]
    text: str
    made_at: datetime


@dataclass(frozen=True)
class Case:
    """A notice with its comment as it is now, and its events, oldest first."""

    notice: NoticeShown
    comment: ModeratedComment
    events: list[CaseEvent]


@dataclass(frozen=True)
class NoticeRuling:
    """The decision on a notice; a removal needs `ground` and `provision`."""

    outcome: Annotated[Outcome, Doc("removed: the comment is rejected; kept: it stays, or becomes, public")]
    facts: Annotated[
        str,
        Doc("Facts and reasons, for both sides", longest=FACTS_LENGTH, loose=True, example="It names a neighbour."),
    ]
    seen: Annotated[int, Doc("The notice's `version` that this is based on", least=0, most=ids.MOST, example=1)]
    comment_seen: Version
    ground: Annotated[str, Doc("law or rules", longest=16, example=next(iter(GROUNDS)))] = ""
    provision: Annotated[
        str, Doc("The law or rule", longest=LAW_LENGTH, loose=True, example="Civil Code, article 709")
    ] = ""


@bp.get("/notices")
@operation("Legal notices, the earliest deadline first", scope=Scope.READ, query=NoticesQuery,
           answers={200: NoticePage})  # fmt: skip
def show_all(query: NoticesQuery) -> NoticePage:
    states = [query.state] if query.state else [NoticeState.OPEN, NoticeState.INQUIRY]
    after = _place(query.after) if query.after else None
    found = Notice.due_on(current_site(), states, after=after, limit=query.limit + 1)
    listed = found[: query.limit]
    return NoticePage([_shown(each) for each in listed], _cursor(listed[-1]) if len(found) > len(listed) else None)


@bp.get("/notices/<int:id>")
@operation("A legal notice with its comment and events", scope=Scope.READ, answers={200: Case}, errors=(404,))
def show(id: int) -> Case:
    return _case(_notice(id))


@bp.post("/notices/<int:id>/close")
@operation("Decide on a legal notice; both sides get the statement of reasons", scope=Scope.MODERATE,
           body=NoticeRuling, answers={200: Case}, errors=(404, 409),
           description="409 has the case as it is now in `current`. The same decision by the same token, sent again, "
           "gets the case.")  # fmt: skip
def close(id: int, body: NoticeRuling) -> Case | Response:
    notice, ruling = _notice(id), _ruling(body)
    try:
        with write_transaction():
            notices.close(notice, ruling, seen=body.seen, comment_seen=body.comment_seen, by=current_program())
    except Refused as no:
        now = _notice(id)
        return _case(now) if _closed_so(now, ruling, body.seen) else _conflict(no, now)
    return _case(notice)


def _notice(id: int) -> Notice:
    found = Notice.of_site([current_site().id], id)
    if found is None:
        raise missing()
    return found


def _ruling(body: NoticeRuling) -> notices.Ruling:
    """Cleaned and checked as on the page. Raises Invalid."""
    form = RulingForm(MultiDict({name: str(value) for name, value in written(body).items()}), meta=NO_CSRF)
    if not form.validate():
        raise Invalid({name: [str(each) for each in said] for name, said in form.errors.items() if name})
    return form.ruling()


def _closed_so(notice: Notice, ruling: notices.Ruling, seen: int) -> bool:
    """True if this program closed the case so, and the response got lost."""
    if not notice.is_closed or notice.version != seen + 1:
        return False
    closed = next(each for each in reversed(NoticeEvent.all_of(notice)) if each.kind == "closed")
    stored = notices.Ruling(Outcome(notice.outcome), str(notice.facts), notice.ground, str(notice.provision))
    return closed.moderator_id == current_program().id and stored == ruling


def _conflict(no: Refused, notice: Notice) -> Response:
    return problem(no.status, no.sentence, no.code, current=written(_case(notice)))


def _case(notice: Notice) -> Case:
    comment: Comment = comment_or_404(notice.comment_id)
    events = [
        CaseEvent(
            each.id, each.kind, Party(each.actor), each.moderator.name if each.moderator else None, str(each.text),
            each.made_at,
        )
        for each in NoticeEvent.all_of(notice)
    ]  # fmt: skip
    return Case(_shown(notice), desk_shapes.comment(card_of(comment, current_program())), events)


def _shown(of: Notice) -> NoticeShown:
    return NoticeShown(
        id=of.id,
        number=of.number,
        state=NoticeState(of.state),
        version=of.version,
        comment=of.comment_id,
        claim=Claim(of.claim),
        law=str(of.law),
        explanation=str(of.explanation),
        lang=of.lang,
        made_at=of.made_at,
        due_at=of.due_at,
        confirmed_at=of.confirmed_at,
        disowned_at=of.disowned_at,
        asked_at=of.asked_at,
        answer=of.answer,
        outcome=Outcome(of.outcome) if of.outcome else None,
        ground=of.ground,
        provision=str(of.provision),
        facts=str(of.facts),
        closed_at=of.closed_at,
        objected_at=of.objected_at,
        decision=of.decision_id,
    )


def _cursor(last: Notice) -> str:
    """Deadline and id of the last notice of a page."""
    return f"{last.due_at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z.{last.id}"


def _place(cursor: str) -> tuple[datetime, int]:
    """Raises Invalid."""
    moment, _dot, id = cursor.rpartition("Z.")
    try:
        return datetime.fromisoformat(moment).replace(tzinfo=UTC), ids.read(id)
    except ValueError:
        raise Invalid({"after": [_("Use the “next” of the page before.")]}) from None
