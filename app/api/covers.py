"""Cover passages of a comment, take that back, and pick comments for the place above the thread."""

from dataclasses import dataclass
from typing import Annotated, Any

from flask import Blueprint, Response
from flask_babel import gettext as _

from app.api import desk_shapes
from app.api.access import comment_or_404, current_program
from app.api.declared import Doc, Invalid, Version, written
from app.api.desk_shapes import DecisionMade, ModeratedComment
from app.api.operation import operation
from app.api.problems import problem
from app.comments import picks
from app.database import write_transaction
from app.desk import batch
from app.desk.cards import card_of
from app.forms.comment import BODY_LENGTH
from app.forms.cover import CoverForm
from app.lib.text import clean_body
from app.models import Comment, Scope, Status
from app.models.decision import COVERED
from app.models.revision import MOST_WORDS
from app.moderation import covers
from app.moderation.decide import AlreadyDecided

bp = Blueprint("covers", __name__)


@dataclass(frozen=True)
class Covering:
    """Words that are in the comment, each of one line, hidden wherever they stand."""

    words: Annotated[
        list[Annotated[str, Doc(longest=BODY_LENGTH)]], Doc(most_items=MOST_WORDS, example=["his full name"])
    ]
    seen: Version


@dataclass(frozen=True)
class Uncovering:
    seen: Version


@dataclass(frozen=True)
class Picking:
    picked: Annotated[bool, Doc("False: not picked any more")] = True


@bp.post("/comments/<int:id>/cover")
@operation("Cover passages of a comment, and tell its author", scope=Scope.MODERATE, body=Covering,
           answers={200: DecisionMade}, errors=(404, 409))  # fmt: skip
def cover(id: int, body: Covering) -> DecisionMade | Response:
    comment, words = comment_or_404(id), _passages(body)
    try:
        with write_transaction():
            made = covers.cover(comment, words, seen=body.seen, by=current_program())
    except AlreadyDecided:
        now = comment_or_404(id)
        before = batch.existing_decision(now, Status(now.status), seen=body.seen, by=current_program(), reason=COVERED)
        return desk_shapes.decision(before) if before and covers.hid(before, words) else _conflict(now)
    return desk_shapes.decision(made)


@bp.post("/comments/<int:id>/uncover")
@operation("Take the newest cover of a comment back", scope=Scope.MODERATE, body=Uncovering,
           answers={200: DecisionMade}, errors=(404, 409))  # fmt: skip
def uncover(id: int, body: Uncovering) -> DecisionMade | Response:
    comment = comment_or_404(id)
    try:
        with write_transaction():
            made = covers.uncover(comment, seen=body.seen, by=current_program())
    except AlreadyDecided:
        return _conflict(comment_or_404(id))
    return desk_shapes.decision(made)


@bp.post("/comments/<int:id>/pick")
@operation("Pick a comment for the place above the thread, or take that back", scope=Scope.MODERATE, body=Picking,
           answers={200: ModeratedComment}, errors=(404, 409))  # fmt: skip
def pick(id: int, body: Picking) -> ModeratedComment:
    comment = comment_or_404(id)
    with write_transaction():
        (picks.pick if body.picked else picks.unpick)(comment, by=current_program())
    return _shown(comment)


def _passages(body: Covering) -> list[str]:
    """Cleaned and limited as on the page, where each line is a passage. Raises Invalid."""
    if any("\n" in clean_body(each).strip() for each in body.words):
        # Each line would be hidden in other places, too.
        raise Invalid({"words": [_("Send each line as a passage of its own.")]})
    form: Any = CoverForm(data={"words": "\n".join(body.words), "seen": body.seen}, meta={"csrf": False})
    if not form.validate():
        raise Invalid({"words": [form.wrong]})
    passages: list[str] = form.passages
    return passages


def _conflict(comment: Comment) -> Response:
    """With the comment as it is now."""
    said = AlreadyDecided(comment).sentence
    return problem(409, said, "already_decided", current=written(_shown(comment)))


def _shown(comment: Comment) -> ModeratedComment:
    return desk_shapes.comment(card_of(comment, current_program()))
