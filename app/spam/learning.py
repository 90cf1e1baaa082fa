"""Train the spam filter from moderators' decisions, from many processes without a lock.

A decision inserts a training example in its transaction. Processes add new examples to their cached model (filters.py);
from time to time one merges them into the stored model by compare-and-set. The residual is stored with the decision, so
that retraining from the log gives the same model.

Moderators' decisions teach: approved is fine, spam is spam. The newest decision counts; undo restores the one before.
Weaker examples, with residual 0: the newest statuses of an import, and comments that stayed public for some days
without a report (settling.py), until a decision. An edit or an automatic decision unlearns the earlier text. Call
`forget` before changing a comment with a training example.
"""

import logging
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import or_, select, update

from app.database import rows_changed, snapshot
from app.extensions import db
from app.models import Actor, Comment, Decision, SpamModel, Status, TrainingExample
from app.spam import filters
from app.spam.features import Example, Slots, slots
from app.spam.filter import Filter, WrongModel

log = logging.getLogger(__name__)

TEACHES = {Status.APPROVED: "fine", Status.SPAM: "spam"}
# Examples before a process merges them into the stored model.
MERGE_AT = 256


def example_of(comment: Any, features: dict[str, Any] | None = None) -> Example:
    """Features of a comment; `features` defaults to the stored ones."""
    features = features or comment.features or {}
    record = {name: features.get(name) for name in ("seconds", "approved", "rejected")}
    return Example(comment.body, comment.name, comment.website, comment.lang, **record)


def follow(decision: Decision) -> None:
    """Learn a decision and unlearn the comment's earlier one, in the decision's transaction.

    The decision is not in the session yet, so its residual is inserted with it.
    """
    if decision.comment.badge is not None:
        return
    comment, teacher = decision.comment, _teacher(decision)
    settled = not teacher and comment.settled and decision.to_status == Status.APPROVED
    taught = TEACHES[Status(teacher.to_status)] if teacher else "fine" if settled else ""
    if taught != comment.trained_as:
        forget(comment)
        if taught:
            _learn(comment, taught, teacher.residual if teacher else 0)
        db.session.flush()
        if TrainingExample.count(comment.site_id) >= MERGE_AT:
            merge(comment.site_id)
    decision.residual = comment.residual


def forget(comment: Comment) -> None:
    """Unlearn a comment before it changes."""
    if comment.trained_as:
        _note(comment, slots_of(comment), step=-1)
        comment.trained_as, comment.residual, comment.learnt_slots = "", None, None


def unsettle(comment: Comment) -> None:
    """Take back that the comment stayed public: a reader reported it, or its text changes."""
    if comment.settled:
        comment.settled = False
        if teacher_of(Decision.all_of(comment)) is None:
            forget(comment)


@contextmanager
def relearning(comment: Comment) -> Iterator[None]:
    """Change fields that the filter reads: unlearns before, and learns the same label after."""
    taught, residual = comment.trained_as, comment.residual
    forget(comment)
    yield
    if taught:
        _learn(comment, taught, residual)


def store_slots(comment: Comment) -> None:
    """Store the comment's slots before its text is deleted, so that its example stays valid."""
    if comment.trained_as:
        comment.learnt_slots = array("I", slots_of(comment)).tobytes()


def teacher_of(decisions: Sequence[Any]) -> Any | None:
    """The decision that teaches, of a comment's decisions in order; None if the newest one does not."""
    newest = standing(decisions)
    if newest is None or newest.to_status not in TEACHES:
        return None
    teaches = newest.actor == Actor.MODERATOR or newest.teaches
    return newest if teaches else None


def standing(decisions: Sequence[Any]) -> Any | None:
    """The newest decision that was not undone, of a comment's decisions in order."""
    earlier = reversed(decisions)
    newest = next(earlier, None)
    while newest is not None and (undone := newest.undoes_id):
        newest = next((each for each in earlier if each.id < undone), None)
    return newest


def merge(site_id: int) -> None:
    """Merge waiting examples into the stored model; does nothing if another process just did."""
    revision, counts = SpamModel.read(site_id)
    try:
        model = Filter.load(counts)
    except WrongModel:
        log.error("the filter of site %s cannot be read: flask upkeep retrain", site_id)
        return
    examples = TrainingExample.waiting(site_id)
    filters.add_all(model, examples)
    if SpamModel.replace(site_id, model.dump(), seen=revision):
        TrainingExample.remove(example.id for example in examples)


def slots_of_text(body: str, name: str, website: str) -> Iterable[int]:
    """Slots of a comment of which nothing else is known."""
    return slots(Example(body, name, website)).all()


def teach_weakly(site_id: int, examples: Iterable[tuple[Iterable[int], str]]) -> None:
    """Learn examples with residual 0: (slots, "fine" or "spam")."""
    rows = [TrainingExample.of(site_id, found, spam=label == "spam", residual=0, step=1) for found, label in examples]
    if not rows:
        return
    db.session.add_all(rows)
    filters.expire(site_id)
    db.session.flush()
    if TrainingExample.count(site_id) >= MERGE_AT:
        merge(site_id)


def _learn(comment: Comment, taught: str, residual: int | None) -> None:
    """With the stored residual, if the same was learnt before."""
    found = slots(example_of(comment))
    if residual is None:
        residual = _residual(comment.site_id, found, taught)
    comment.trained_as, comment.residual = taught, residual
    _note(comment, found.all(), step=1)


def _residual(site_id: int, found: Slots, taught: str) -> int | None:
    """None if the model is unreadable: then only counted, until the filter is retrained."""
    try:
        return filters.model_of(site_id).residual(found, spam=taught == "spam")
    except WrongModel:
        return None


def _note(comment: Comment, found: Iterable[int], *, step: int) -> None:
    spam, residual = comment.trained_as == "spam", comment.residual or 0
    db.session.add(TrainingExample.of(comment.site_id, found, spam=spam, residual=residual, step=step))
    filters.expire(comment.site_id)


def slots_of(comment: Any) -> Iterable[int]:
    return array("I", comment.learnt_slots) if comment.learnt_slots else slots(example_of(comment)).all()


def _teacher(decision: Decision) -> Decision | None:
    if not decision.undoes_id:
        return teacher_of([decision])
    return teacher_of([each for each in Decision.all_of(decision.comment) if each.id < decision.undoes_id])


# Retraining


@dataclass(frozen=True)
class _Log:
    """Result of reading the log: the model, and the state of the tables that it replaces."""

    model: Filter
    revision: int
    examples: list[int]
    # Comments with a wrong label or residual: id, version, right values.
    mistaken: list[tuple[int, int, dict[str, Any]]]


def retrain(site_id: int) -> Filter | None:
    """Train a site's model from its whole log and replace the stored one.

    The log is read from a snapshot before the transaction, so that no writer waits. None, without changes, if a
    decision was made or learnt in between.
    """
    with snapshot():
        read = _read_log(site_id)
    if not SpamModel.replace(site_id, read.model.dump(), seen=read.revision):
        return None
    TrainingExample.remove(read.examples)
    for id, version, taught in read.mistaken:
        same = update(Comment).where(Comment.id == id, Comment.version == version)
        if not rows_changed(same.values(taught)):
            return None
    return read.model


# Columns for learning a comment and checking its stored label.
COLUMNS = (
    Comment.id,
    Comment.version,
    Comment.trained_as,
    Comment.residual,
    Comment.learnt_slots,
    Comment.body,
    Comment.name,
    Comment.website,
    Comment.lang,
    Comment.features,
)


def _read_log(site_id: int) -> _Log:
    revision = db.session.scalar(select(SpamModel.revision).where(SpamModel.site_id == site_id)) or 0
    examples = list(db.session.scalars(select(TrainingExample.id).where(TrainingExample.site_id == site_id)))
    taught, weak = _taught(site_id)
    known = db.session.execute(
        select(Comment.id, Comment.version, Comment.trained_as).where(
            Comment.site_id == site_id, Comment.trained_as != ""
        )
    )
    mistaken = [(row.id, row.version, _as_stored("", None)) for row in known if row.id not in taught]
    model = Filter()
    for ids in _chunks(list(taught)):
        for row in db.session.execute(select(*COLUMNS).where(Comment.id.in_(ids)).order_by(Comment.id)):
            right = _as_stored(taught[row.id], _learnt_again(model, row, taught[row.id], weak=row.id in weak))
            if right != _as_stored(row.trained_as, row.residual):
                mistaken.append((row.id, row.version, right))
    return _Log(model, revision, examples, mistaken)


def _learnt_again(model: Filter, row: Any, taught: str, *, weak: bool) -> int:
    """Add a comment to the model; returns its stored residual, or a new one. `weak`: no decision taught it."""
    spam, residual = taught == "spam", row.residual if row.trained_as == taught else None
    if weak:
        residual = 0
    elif residual is None:
        residual = 0 if row.learnt_slots else model.residual(slots(example_of(row)), spam=spam)
    model.add(slots_of(row), spam=spam, residual=residual)
    return residual


def _as_stored(label: str, residual: int | None) -> dict[str, Any]:
    return {"trained_as": label, "residual": residual}


def _chunks(ids: list[int], size: int = 500) -> Iterator[list[int]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))


def _taught(site_id: int) -> tuple[dict[int, str], set[int]]:
    """Labels of teaching comments by id, and the ids of weaker examples."""
    labels, weak = {}, set()
    for comment_id, teacher in _teachers(site_id):
        labels[comment_id] = TEACHES[teacher.to_status]
        if teacher.teaches:
            weak.add(comment_id)
    settled = select(Comment.id).where(Comment.site_id == site_id, Comment.settled, Comment.status == Status.APPROVED)
    for comment_id in db.session.scalars(settled):
        if comment_id not in labels:
            labels[comment_id] = "fine"
            weak.add(comment_id)
    return labels, weak


def _teachers(site_id: int) -> Iterator[tuple[int, Any]]:
    """(comment id, decision) of every teaching comment."""
    may_teach = or_(Decision.actor == Actor.MODERATOR, Decision.teaches)
    taught = select(Decision.comment_id).where(Decision.site_id == site_id, may_teach)
    columns = (
        Decision.comment_id,
        Decision.id,
        Decision.actor,
        Decision.to_status,
        Decision.undoes_id,
        Decision.teaches,
    )
    rows = db.session.execute(
        select(*columns)
        .where(Decision.site_id == site_id, Decision.comment_id.in_(taught))
        .order_by(Decision.comment_id, Decision.id)
        .execution_options(yield_per=1000)
    )
    for comment_id, decisions in groupby(rows, key=lambda row: row.comment_id):
        if teacher := teacher_of(list(decisions)):
            yield comment_id, teacher
