"""Ask checkers about comments, and continue screening with their answers. They can hold a comment, never publish it."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any

from sqlalchemy import select, update

from app.database import rows_changed
from app.extensions import db
from app.lib.clock import now
from app.lib.watch import Watch
from app.models import Actor, Checker, CheckerAnswer, Comment, Decision, Delivery, Status, Trouble
from app.models.checker import kind_of
from app.models.delivery import TO_CHECKER
from app.moderation import checker_drift
from app.moderation.findings import continue_screening
from app.notify import outbox
from app.notify.outbox import Carrier, pause_after
from app.screening import checkers
from app.screening.case import Finding, Verdict
from app.screening.checker_protocol import Reply, ask, question_about

log = logging.getLogger(__name__)

# Delay before asking about a changed text.
SOON = timedelta(seconds=5)
# Questions begin in so many seconds of one turn, then other checkers get theirs.
TURN_S = 10.0
# While a comment waits in hold mode; the pauses between are those of the outbox.
MOST_TRIES = 8
NOTHING = "nothing to say"
BATCH = 500  # comments


def carriers() -> dict[str, Carrier]:
    """A carrier for each checker that is not paused."""
    return dict.fromkeys(map(kind_of, Checker.to_ask()), send_question)


def waiting(*, failing: bool, limit: int, without: Collection[int]) -> dict[int, int]:
    """Ids of checkers with a due question, each with its site's id; the ones that waited longest first."""
    known = {id: site for id, site in Checker.to_ask(failing=failing).items() if id not in without}
    kinds = {kind_of(id): id for id in known}
    due = Delivery.kinds_due(kinds) if kinds else []
    return {kinds[kind]: known[kinds[kind]] for kind in due[:limit]}


def ask_all(checker_id: int, is_stopping: Callable[[], bool], _hurry: bool, watch: Watch | None = None) -> int:
    """Ask one checker the due questions, until others get their turn; returns their number.

    Nothing shortens its own time limit, because a late answer holds the comment.
    """
    carriers, end, asked = {kind_of(checker_id): send_question}, monotonic() + TURN_S, 0
    # A checker that failed is paused.
    while monotonic() < end and not is_stopping() and Checker.may_be_asked(checker_id):
        if not outbox.run_once(carriers, watch=watch):
            break
        asked += 1
    return asked


def send_question(delivery: Delivery) -> str:
    """Ask one checker about one comment. Whatever it answers, no other delivery waits for a retry."""
    checker, comment = _checker(delivery), _comment(delivery)
    if checker is None or comment is None:
        return NOTHING
    if not checker.mode_asks:
        _update(comment, checker, checkers.WITHDRAWN)
        return NOTHING
    body, asked, ids = comment.body, _prepared(checker, comment, delivery), (comment.id, checker.id)
    db.session.commit()
    reply = asked()
    comment, checker = _locked(Comment, ids[0]), _locked(Checker, ids[1])
    if comment is None or checker is None or comment.status == Status.DELETED:
        return NOTHING
    if comment.body != body:
        # The answer is about an earlier text.
        return delivery.put_off(now() + SOON)
    return _note(delivery, checker, comment, reply)


def _checker(delivery: Delivery) -> Checker | None:
    return db.session.get(Checker, int(delivery.kind.removeprefix(TO_CHECKER)))


def _comment(delivery: Delivery) -> Comment | None:
    comment = db.session.get(Comment, delivery.comment_id)
    return comment if comment and comment.status != Status.DELETED else None


def _prepared(checker: Checker, comment: Comment, delivery: Delivery) -> partial[Reply]:
    if not checker.is_readable:
        return partial(Reply, trouble=Trouble.SECRET)
    id = f"check_{delivery.message_id.strip('<>').partition('@')[0]}"
    return partial(ask, checker.url, checker.secret, float(checker.timeout_s), id, question_about(comment))


def _locked(record: Any, id: int) -> Any:
    """None if it was deleted."""
    query = select(record).where(record.id == id).with_for_update(of=record)
    return db.session.scalar(query.execution_options(populate_existing=True))


def _note(delivery: Delivery, checker: Checker, comment: Comment, reply: Reply) -> str:
    """Store the answer, apply it in hold mode, and see whether the checker has drifted."""
    entry = _entry(comment, checker)
    answer = CheckerAnswer.replace(
        checker, comment, shown=entry is not None and checker.holds, **asdict(reply) | {"reasons": list(reply.reasons)}
    )
    if reply.trouble:
        log.warning("checker fails", extra={"site": checker.site.key, "checker": checker.id, "trouble": reply.trouble})
        checker.note_failure()
    else:
        checker.note_answer()
    if entry is not None:
        _update(comment, checker, *_outcome(checker, reply))
    again = reply.trouble and entry is not None and checker.holds and answer.tries < MOST_TRIES and _waits(comment)
    checker_drift.watch(checker)
    if again:
        return delivery.put_off(now() + pause_after(answer.tries))
    return "failed" if reply.trouble else reply.verdict


def _outcome(checker: Checker, reply: Reply) -> tuple[str, Mapping[str, Any]]:
    if not checker.holds:
        # Asked in hold mode: what it holds is for moderators now.
        return checkers.WITHDRAWN, {}
    if reply.trouble:
        return checkers.TROUBLE, {"trouble": reply.trouble}
    said = {"said": reply.verdict, "confidence": reply.confidence, "why": list(reply.reasons)}
    return (checkers.FLAGGED if checker.flags(reply.verdict, reply.confidence) else checkers.FINE), said


def _entry(comment: Comment, checker: Checker) -> dict[str, Any] | None:
    """This checker's part of the reason; None if the comment did not wait for it."""
    return next((each for each in checkers.entries_of(comment) if each["id"] == checker.id), None)


def _update(comment: Comment, checker: Checker, state: str, details: Mapping[str, Any] | None = None) -> None:
    """Replace this checker's part of the reason. Its other checkers go on holding the comment."""
    if _entry(comment, checker) is None:
        return
    mine = checkers.entry(checker, state, **(details or {}))
    each = [mine if each["id"] == checker.id else each for each in checkers.entries_of(comment)]
    verdict = Verdict.HOLD if checkers.holds(each) else Verdict.PASS
    continue_screening(comment, Finding(checkers.CHECK, verdict, {"each": each}))


def withdraw(checker: Checker) -> None:
    """Note in each comment that waits for this checker that it will not answer. The comments stay held."""
    waiting = Delivery.comments_waiting(checker.kind)
    for start in range(0, len(waiting), BATCH):
        held = select(Comment.id, Comment.reasons).where(
            Comment.id.in_(waiting[start : start + BATCH]), Comment.status == Status.PENDING
        )
        for id, reasons in db.session.execute(held.order_by(Comment.id).with_for_update()).all():
            told = checkers.without_question(reasons, checker)
            if told != reasons:
                rows_changed(update(Comment).where(Comment.id == id).values(reasons=told))


def _waits(comment: Comment) -> bool:
    newest = Decision.newest_of(comment)
    return comment.status == Status.PENDING and newest is not None and newest.actor == Actor.SCREENING
