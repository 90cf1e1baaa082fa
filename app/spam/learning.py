"""Learn from what people decide and forget it with them: exactly, from many processes, without a lock.

A decision writes down what it teaches, in its own transaction: a lesson. Whoever needs the filter adds the lessons to
what she has read (filters.py); from time to time somebody writes the sums down, by compare and set. How far the filter
was from a decision when that was made, its correction, is kept with it: what was learnt equals the log learnt again
(`retrain`), and taking it out leaves what was there without it.

Only decisions of people teach: approved is fine, spam is spam. The newest decision on a comment counts; undoing
it puts back what stood before. An edit, or any decision that nobody made, forgets what was taught about the
earlier text. A comment whose lesson stands does not change; whoever changes one calls `forget` first.
"""

import logging
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import select, update

from app.database import rows_changed, snapshot
from app.extensions import db
from app.models import Actor, Comment, Decision, Knowledge, Lesson, Status
from app.spam import filters
from app.spam.features import Example, Slots, slots
from app.spam.filter import Filter, WrongModel

log = logging.getLogger(__name__)

TEACHES = {Status.APPROVED: "fine", Status.SPAM: "spam"}
# So many lessons are added to the counts by the one who writes the last; reading that many takes milliseconds.
FOLD_AT = 256


def example_of(comment: Any, facts: dict[str, Any] | None = None) -> Example:
    """What the filter sees of a comment; the same whenever it is asked, as long as nobody edits it.

    `facts` are those kept with it, unless they are given.
    """
    facts = facts or comment.facts or {}
    record = {name: facts.get(name) for name in ("seconds", "approved", "rejected")}
    return Example(comment.body, comment.name, comment.website, comment.lang, **record)


def follow(decision: Decision) -> None:
    """Learn what a decision teaches in place of what was learnt from its comment before, in its transaction.

    The decision is not in the session yet, so that what it taught is written with it.
    """
    comment, teacher = decision.comment, _teacher(decision)
    taught = TEACHES[Status(teacher.to_status)] if teacher else ""
    if taught != comment.lesson:
        forget(comment)
        if teacher:
            _learn(comment, taught, teacher.correction)
        db.session.flush()
        if Lesson.count(comment.site_id) >= FOLD_AT:
            fold(comment.site_id)
    decision.correction = comment.correction


def forget(comment: Comment) -> None:
    """Take back what was learnt from a comment, before it changes; in the caller's transaction."""
    if comment.lesson:
        _note(comment, _places(comment), step=-1)
        comment.lesson, comment.correction, comment.places_learnt = "", None, None


@contextmanager
def relearning(comment: Comment) -> Iterator[None]:
    """Change what the filter sees of a comment, not what it is: the same is learnt from what it has become."""
    taught, correction = comment.lesson, comment.correction
    forget(comment)
    yield
    if taught:
        _learn(comment, taught, correction)


def keep_lesson(comment: Comment) -> None:
    """Keep where its features are counted, hashed as they are, before its text goes: its lesson stands."""
    if comment.lesson:
        comment.places_learnt = array("I", _places(comment)).tobytes()


def teacher_of(decisions: Sequence[Any]) -> Any | None:
    """Which of a comment's decisions, oldest first, teaches; None where the last says nothing."""
    newest = decisions[-1] if decisions else None
    if newest is not None and newest.undoes_id:
        return teacher_of([each for each in decisions if each.id < newest.undoes_id])
    teaches = newest is not None and newest.actor == Actor.MODERATOR and newest.to_status in TEACHES
    return newest if teaches else None


def fold(site_id: int) -> None:
    """Add the lessons that wait to the counts; where somebody else is doing it, leave it to her."""
    revision, counts = Knowledge.read(site_id)
    try:
        model = Filter.load(counts)
    except WrongModel:
        log.error("the filter of site %s cannot be read: flask upkeep retrain", site_id)
        return
    lessons = Lesson.waiting(site_id)
    filters.add_all(model, lessons)
    if Knowledge.replace(site_id, model.dump(), seen=revision):
        Lesson.remove(lesson.id for lesson in lessons)


def _learn(comment: Comment, taught: str, correction: int | None) -> None:
    """Where the filter was corrected by the same before, it takes back what it was given then."""
    found = slots(example_of(comment))
    if correction is None:
        correction = _correction(comment.site_id, found, taught)
    comment.lesson, comment.correction = taught, correction
    _note(comment, found.all(), step=1)


def _correction(site_id: int, found: Slots, taught: str) -> int | None:
    """None where what is known cannot be read: then it is only counted, until the log is learnt again."""
    try:
        return filters.model_of(site_id).correction(found, spam=taught == "spam")
    except WrongModel:
        return None


def _note(comment: Comment, places: Iterable[int], *, step: int) -> None:
    spam, correction = comment.lesson == "spam", comment.correction or 0
    db.session.add(Lesson.of(comment.site_id, places, spam=spam, correction=correction, step=step))
    filters.ask_again(comment.site_id)


def _places(comment: Any) -> Iterable[int]:
    """Where a comment's features are counted; kept apart when its text is not."""
    return array("I", comment.places_learnt) if comment.places_learnt else slots(example_of(comment)).all()


def _teacher(decision: Decision) -> Decision | None:
    if not decision.undoes_id:
        return teacher_of([decision])
    return teacher_of([each for each in Decision.all_of(decision.comment) if each.id < decision.undoes_id])


# The log learnt again


@dataclass(frozen=True)
class _Log:
    """What the decisions teach, at one moment: the model, and what stands in the tables beside it."""

    model: Filter
    revision: int
    lessons: list[int]
    # Comments that say something else about what was learnt from them: id, version, and what it should be.
    mistaken: list[tuple[int, int, dict[str, Any]]]


def retrain(site_id: int) -> Filter | None:
    """Learn a site's whole log again and put that in the place of what is known, in the caller's transaction.

    The log is read from a snapshot before that transaction begins, so that nobody waits for it; what was loaded
    before is forgotten. None when somebody decided or learnt meanwhile: nothing is changed, try again.
    """
    with snapshot():
        read = _read_log(site_id)
    if not Knowledge.replace(site_id, read.model.dump(), seen=read.revision):
        return None
    Lesson.remove(read.lessons)
    for id, version, taught in read.mistaken:
        same = update(Comment).where(Comment.id == id, Comment.version == version)
        if not rows_changed(same.values(taught)):
            return None
    return read.model


# What is read of a comment to learn it, and to see whether that was learnt.
SEEN = (
    Comment.id,
    Comment.version,
    Comment.lesson,
    Comment.correction,
    Comment.places_learnt,
    Comment.body,
    Comment.name,
    Comment.website,
    Comment.lang,
    Comment.facts,
)


def _read_log(site_id: int) -> _Log:
    revision = db.session.scalar(select(Knowledge.revision).where(Knowledge.site_id == site_id)) or 0
    lessons = list(db.session.scalars(select(Lesson.id).where(Lesson.site_id == site_id)))
    taught = dict(_taught(site_id))
    known = db.session.execute(
        select(Comment.id, Comment.version, Comment.lesson).where(Comment.site_id == site_id, Comment.lesson != "")
    )
    mistaken = [(row.id, row.version, _said("", None)) for row in known if row.id not in taught]
    model = Filter()
    for ids in _chunks(list(taught)):
        for row in db.session.execute(select(*SEEN).where(Comment.id.in_(ids)).order_by(Comment.id)):
            right = _said(taught[row.id], _learnt_again(model, row, taught[row.id]))
            if right != _said(row.lesson, row.correction):
                mistaken.append((row.id, row.version, right))
    return _Log(model, revision, lessons, mistaken)


def _learnt_again(model: Filter, row: Any, taught: str) -> int:
    """Add a comment to the model; returns the correction that it had when it was learnt, or else a new one."""
    spam, correction = taught == "spam", row.correction if row.lesson == taught else None
    if correction is None:
        correction = 0 if row.places_learnt else model.correction(slots(example_of(row)), spam=spam)
    model.add(_places(row), spam=spam, correction=correction)
    return correction


def _said(lesson: str, correction: int | None) -> dict[str, Any]:
    return {"lesson": lesson, "correction": correction}


def _chunks(ids: list[int], size: int = 500) -> Iterator[list[int]]:
    return (ids[at : at + size] for at in range(0, len(ids), size))


def _taught(site_id: int) -> Iterator[tuple[int, str]]:
    """Yield (comment id, what its decisions teach) for every comment that teaches something."""
    by_people = select(Decision.comment_id).where(Decision.site_id == site_id, Decision.actor == Actor.MODERATOR)
    rows = db.session.execute(
        select(Decision.comment_id, Decision.id, Decision.actor, Decision.to_status, Decision.undoes_id)
        .where(Decision.site_id == site_id, Decision.comment_id.in_(by_people))
        .order_by(Decision.comment_id, Decision.id)
        .execution_options(yield_per=1000)
    )
    for comment_id, decisions in groupby(rows, key=lambda row: row.comment_id):
        if teacher := teacher_of(list(decisions)):
            yield comment_id, TEACHES[teacher.to_status]
