"""Decide a comment's status, and record who decided."""

from flask_babel import gettext as _

from app.database import new
from app.errors import Refused
from app.extensions import db
from app.models import Actor, Comment, Decision, Delivery, Moderator, Report, Status, insert_comment, insert_record
from app.models.decision import COVERED
from app.models.thread import Named
from app.moderation import brake, covers, notice_state, second_opinions
from app.moderation.conflict import AlreadyDecided as AlreadyDecided
from app.moderation.lanes import lane_of
from app.notify import events
from app.screening import akismet
from app.spam import learning


def decide(
    comment: Comment,
    status: Status,
    *,
    seen: int,
    by: Moderator | None = None,
    actor: Actor | None = None,
    reason: str = "",
    note: str = "",
    undoes: Decision | None = None,
    overrides: bool = False,
) -> Decision:
    """Set the status of `comment` and insert the decision, in the caller's transaction.

    `seen` is the version that the decision is based on (optimistic lock). `by` is a moderator; without one the decision
    is that of `actor` (default: screening). `overrides`: the moderator knowingly replaces another decision. Unsent
    effects of earlier decisions are recalled. Raises AlreadyDecided (409) if the comment has changed, and Refused if
    there is no text to publish.
    """
    _require_text(comment, status)
    before = comment.status
    if not comment.move_to(status, seen, lane=lane_of(comment, status)):
        db.session.refresh(comment)
        _require_text(comment, status)
        raise AlreadyDecided(comment)
    Delivery.recall(comment.id)
    if status == Status.APPROVED:
        claimed, comment.claimed = comment.claimed, None
        comment.thread.confirm(claimed, _confirmed_by(by, reason), comment.created_at)
    if by and status == Status.APPROVED:
        _trust(comment)
    decision = Decision(
        site_id=comment.site_id,
        comment=comment,
        comment_id=comment.id,
        from_status=before,
        to_status=status,
        version=comment.version,
        actor=actor or (Actor.MODERATOR if by else Actor.SCREENING),
        moderator=by,
        moderator_id=by.id if by else None,
        reason=reason,
        note=note,
        undoes_id=undoes.id if undoes else None,
        overrides=overrides,
    )
    learning.follow(decision)
    insert_record(decision)
    if Report.update_answers(decision, undoes) and Report.are_enough(comment):
        comment.lane = lane_of(comment, reported=True)
    events.after(decision)
    akismet.report_disagreement(decision)
    brake.after_decision(decision)
    notice_state.follow(decision, by)
    second_opinions.follow(decision)
    return decision


def _require_text(comment: Comment, status: Status) -> None:
    if status == Status.APPROVED and comment.emptied_at:
        raise Refused("emptied", _("The text of this comment is no longer stored."), status=409)


def _confirmed_by(by: Moderator | None, reason: str) -> Named:
    """Only a card shows what a comment claims about its page: programs and links in emails do not."""
    return Named.MODERATOR if by and not by.is_program and reason != "mail" else Named.SCREENING


def _trust(comment: Comment) -> None:
    moved = any(reason["check"] == "changed" for reason in comment.reasons)
    comment.author.earn_trust(comment.name, comment.website, comment.address_index if moved else None)


def decide_new(comment: Comment, status: Status, *, reason: str = "", by: Moderator | None = None) -> Decision:
    """Insert a new comment with its first decision, by screening or by the moderator who wrote it.

    Raises DuplicateComment.
    """
    # A comment by a moderator never was pending.
    before = None if by else comment.status
    comment.begin(status, lane_of(comment, status))
    decision = new(
        Decision,
        site_id=comment.site_id,
        comment=comment,
        from_status=before,
        to_status=status,
        version=comment.version,
        actor=Actor.MODERATOR if by else Actor.SCREENING,
        moderator=by,
        moderator_id=by.id if by else None,
        reason=reason,
    )
    claimed, comment.claimed = comment.claimed, None if status == Status.APPROVED else comment.claimed
    insert_comment(comment, decision)
    if status == Status.APPROVED:
        comment.thread.confirm(claimed, Named.SCREENING, comment.created_at)
    events.after(decision, first=True)
    return decision


def undo(decision: Decision, *, by: Moderator) -> Decision:
    """Restore the status before `decision` by a new decision.

    Raises AlreadyDecided if the comment has changed since.
    """
    if decision.reason == COVERED:
        return covers.undo(decision, by=by)
    status = Status(decision.from_status or Status.PENDING)
    return decide(decision.comment, status, seen=decision.version, by=by, reason="undo", undoes=decision)
