"""Decide on one comment or many, undo, note, and reply as staff."""

from dataclasses import dataclass
from typing import Annotated, Any

from flask import Blueprint, Response
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from app.api import desk_shapes
from app.api.access import comment_or_404, current_program, missing
from app.api.declared import Doc, Invalid, Version, written
from app.api.desk_shapes import DecisionMade, ModeratedComment, NoteText
from app.api.operation import operation
from app.api.problems import problem
from app.database import write_transaction
from app.desk import batch, staff
from app.desk.cards import card_of, cards_of
from app.errors import Refused
from app.forms.comment import BODY_LENGTH, NAME_LENGTH
from app.forms.decision import MODERATED, USUAL
from app.forms.reason_texts import LONGEST as LONGEST_TEXT
from app.forms.staff import StaffEditForm, StaffReplyForm
from app.lib import ids
from app.lib.text import clean_line
from app.models import Comment, Note, Reason, Scope, Site, Status
from app.models.note import LONGEST
from app.moderation import history
from app.moderation.decide import AlreadyDecided, decide, undo

bp = Blueprint("decisions", __name__)

# The token is the proof that a request was meant.
NO_CSRF = {"csrf": False}


@dataclass(frozen=True)
class Verdict:
    """A status, or a reason alone, which rejects."""

    seen: Version
    status: Status | None = None
    reason: Annotated[str, Doc("Why a comment is rejected: a reason, or one of the site's own", longest=64)] = ""
    text: Annotated[str, Doc("For the author, if it is rejected", longest=LONGEST_TEXT)] = ""
    override: Annotated[bool, Doc("Another moderator's decision is known and replaced")] = False


@dataclass(frozen=True)
class Seen:
    id: Annotated[int, Doc(least=1, most=ids.MOST, example=42)]
    seen: Version


@dataclass(frozen=True)
class BatchVerdict:
    comments: Annotated[list[Seen], Doc(most_items=batch.MOST, example=[{"id": 42, "seen": 1}])]
    status: Status | None = None
    reason: Reason | None = None


@dataclass(frozen=True)
class BatchOutcome:
    """`changed`: decided by others, or edited, since they were seen. `gone`: not on this site, or without a text."""

    decided: list[DecisionMade]
    changed: list[ModeratedComment]
    gone: list[int]


@dataclass(frozen=True)
class UndoMany:
    decisions: Annotated[list[Annotated[int, Doc(least=1, most=ids.MOST)]], Doc(most_items=batch.MOST, example=[7])]


@dataclass(frozen=True)
class Notes:
    notes: list[NoteText]


@dataclass(frozen=True)
class NewNote:
    text: Annotated[str, Doc(longest=LONGEST, example="Asked the newsroom.")]


@dataclass(frozen=True)
class StaffReply:
    """It is public at once, with the site's badge; a pending comment that it answers is approved."""

    body: Annotated[str, Doc("Markdown", longest=BODY_LENGTH, loose=True, example="Thank you, we have corrected it.")]
    seen: Version
    name: Annotated[str, Doc("Shown above the reply; by default the site's name", longest=NAME_LENGTH, loose=True)] = ""


@dataclass(frozen=True)
class NewText:
    body: Annotated[str, Doc("Markdown", longest=BODY_LENGTH, loose=True, example="Thank you, we have corrected it.")]


@bp.post("/comments/<int:id>/decisions")
@operation("Decide on a comment", scope=Scope.MODERATE, body=Verdict, answers={200: DecisionMade}, errors=(404, 409),
           description="409 `already_decided` has the comment as it is now in `current`.")  # fmt: skip
def decide_one(id: int, body: Verdict) -> DecisionMade | Response:
    status, reason = _verdict(body)
    comment, me = comment_or_404(id), current_program()
    if not _knows(comment.site, body.reason):
        raise Invalid({"reason": [_("This site does not offer this reason.")]})
    text = clean_line(body.text) if status == Status.REJECTED else ""
    if comment.status == Status.DELETED:
        if made_before := batch.existing_decision(comment, status, seen=body.seen, by=me, reason=reason):
            return desk_shapes.decision(made_before)
        raise Refused("deleted", _("The author deleted this comment."), status=409)
    try:
        with write_transaction():
            made = decide(comment, status, seen=body.seen, by=me, reason=reason, note=text, overrides=body.override)
    except AlreadyDecided:
        now = comment_or_404(id)
        made_before = batch.existing_decision(now, status, seen=body.seen, by=current_program(), reason=reason)
        return desk_shapes.decision(made_before) if made_before else _conflict(now)
    return desk_shapes.decision(made)


@bp.post("/decisions")
@operation("Decide on up to 500 comments", scope=Scope.MODERATE, body=BatchVerdict, answers={200: BatchOutcome})
def decide_many(body: BatchVerdict) -> BatchOutcome:
    status, reason = _verdict(body)
    seen = {each.id: each.seen for each in body.comments}
    with write_transaction():
        outcome = batch.decide_all(seen, status, by=current_program(), reason=reason)
    return _outcome(outcome)


@bp.post("/decisions/<int:id>/undo")
@operation("Undo a decision, by a new one", scope=Scope.MODERATE, answers={200: DecisionMade}, errors=(404, 409))
def undo_one(id: int) -> DecisionMade | Response:
    me = current_program()
    decision = history.decision_of(me, id)
    if decision is None:
        raise missing()
    if before := batch.existing_undo(decision, by=me):
        return desk_shapes.decision(before)
    if not history.can_be_undone(decision):
        return _conflict(decision.comment)
    try:
        with write_transaction():
            undone = undo(decision, by=me)
    except AlreadyDecided as no:
        # The same request may have been faster.
        now = history.decision_of(current_program(), id)
        before = batch.existing_undo(now, by=current_program()) if now else None
        return desk_shapes.decision(before) if before else _conflict(comment_or_404(no.comment.id))
    return desk_shapes.decision(undone)


@bp.post("/decisions/undo")
@operation("Undo up to 500 decisions", scope=Scope.MODERATE, body=UndoMany, answers={200: BatchOutcome})
def undo_many(body: UndoMany) -> BatchOutcome:
    me = current_program()
    with write_transaction():
        outcome = batch.undo_all(history.decisions_of(me, sorted(set(body.decisions))), by=me)
    return _outcome(outcome)


@bp.get("/comments/<int:id>/notes")
@operation("Notes of moderators on a comment", scope=Scope.READ, answers={200: Notes}, errors=(404,))
def notes(id: int) -> Notes:
    return _notes(comment_or_404(id))


@bp.post("/comments/<int:id>/notes")
@operation("Add a note; the same one again adds nothing", scope=Scope.MODERATE, body=NewNote, answers={201: Notes},
           errors=(404,))  # fmt: skip
def add_note(id: int, body: NewNote) -> Notes:
    if not body.text.strip():
        raise Invalid({"text": [_("This is required.")]})
    comment = comment_or_404(id)
    with write_transaction():
        Note.keep(comment, current_program(), body.text.strip())
    return _notes(comment)


@bp.post("/comments/<int:id>/replies")
@operation("Reply as staff", scope=Scope.MODERATE, body=StaffReply, answers={201: ModeratedComment, 200: None},
           errors=(404, 409), description="200 without a comment if the same reply was sent before.")  # fmt: skip
def reply(id: int, body: StaffReply) -> Any:
    comment, me = comment_or_404(id), current_program()
    given = {"body": body.body, "name": body.name or staff.name_of(me, comment.site), "seen": str(body.seen)}
    form = _checked(StaffReplyForm(MultiDict(given), meta=NO_CSRF))
    try:
        with write_transaction():
            made = staff.reply(comment, form.body.data, name=form.name.data, seen=body.seen, by=me)
    except AlreadyDecided:
        return _conflict(comment_or_404(id))
    return (_comment(made), 201) if made else (None, 200)


@bp.post("/comments/<int:id>/edit")
@operation("Edit a comment that this token wrote as staff", scope=Scope.MODERATE, body=NewText,
           answers={200: ModeratedComment}, errors=(404, 409))  # fmt: skip
def edit(id: int, body: NewText) -> ModeratedComment:
    comment, form = comment_or_404(id), _checked(StaffEditForm(MultiDict({"body": body.body}), meta=NO_CSRF))
    with write_transaction():
        staff.edit(comment, form.body.data, by=current_program())
    return _comment(comment)


@bp.post("/comments/<int:id>/withdraw")
@operation("Delete a comment that this token wrote as staff", scope=Scope.MODERATE, answers={200: DecisionMade},
           errors=(404, 409))  # fmt: skip
def withdraw(id: int) -> DecisionMade:
    comment = comment_or_404(id)
    with write_transaction():
        made = staff.withdraw(comment, by=current_program())
    return desk_shapes.decision(made)


def _verdict(body: Verdict | BatchVerdict) -> tuple[Status, str]:
    """As the buttons of the queue (forms/decision.py)."""
    if body.status is None and not body.reason:
        raise Invalid({"status": [_("This is required.")]})
    status = body.status or Status.REJECTED
    if status not in MODERATED:
        raise Invalid({"status": [_("Only authors and erasure delete comments.")]})
    return status, str(body.reason) if body.reason else USUAL.get(status, "")


def _knows(site: Site, reason: str) -> bool:
    """As on the page: a built-in reason, or one that the site offers."""
    own = site.own_reason(reason) if reason and reason not in set(Reason) else None
    return reason in ("", *Reason) or (own is not None and own.enabled)


def _checked(form: StaffEditForm) -> StaffEditForm:
    """Cleaned and limited as on the page. Raises Invalid."""
    if not form.validate():
        raise Invalid({name: [str(each) for each in sentences] for name, sentences in form.errors.items() if name})
    return form


def _conflict(comment: Comment) -> Response:
    """With the comment as it is now."""
    return problem(
        409, AlreadyDecided(comment).sentence, "already_decided", current=written(_comment(comment))
    )  # fmt: skip


def _comment(comment: Comment) -> ModeratedComment:
    return desk_shapes.comment(card_of(comment, current_program()))


def _notes(comment: Comment) -> Notes:
    return Notes(desk_shapes.notes(Note.of([comment.id])[comment.id]))


def _outcome(outcome: batch.Outcome) -> BatchOutcome:
    changed = [desk_shapes.comment(card) for card in cards_of(outcome.changed, current_program())]
    return BatchOutcome(desk_shapes.decisions(outcome.decided), changed, sorted(outcome.gone))
