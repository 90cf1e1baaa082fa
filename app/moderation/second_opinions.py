"""Second opinions: a share of the decisions is put to another moderator, who does not see the first one.

A second opinion never changes the comment. The decision and its question are written in one transaction.
"""

import hashlib

from flask_babel import gettext as _
from sqlalchemy import delete, select

from app.database import new, rows_changed
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.secrets import blind_index
from app.models import (
    Actor,
    AskedOpinion,
    Comment,
    Decision,
    Membership,
    Notice,
    Sample,
    SecondOpinion,
    Status,
    comment_counts,
    insert_record,
)
from app.models.asked_opinion import MOST
from app.models.decision import COVERS
from app.models.second_opinion import label_of
from app.screening import thresholds

# What a moderator decides by looking at the comment alone.
VERDICTS = (Status.APPROVED, Status.REJECTED, Status.SPAM)
LOTS = 10_000
# Decisions near a threshold, and rejections of known authors, are drawn so many times as often.
TIMES = 3
# Distance of a score from a threshold, on both sides.
NEAR = 0.1


def follow(decision: Decision) -> None:
    """Withdraw the question about an earlier decision on the comment, and draw this one."""
    site = decision.comment.site
    if not site.second_opinions:
        return
    AskedOpinion.withdraw(decision.comment)
    sample = _sample_of(decision, site.second_opinions) if _can_be_drawn(decision) else None
    if sample and (moderator_id := _another(decision)):
        AskedOpinion.clear(site.id)
        insert_record(_question(decision, sample, moderator_id))


def give(asked: AskedOpinion, status: Status, reason: str) -> None:
    """Record the opinion of the moderator who was asked. Raises Refused (404) if the question does not stand any more.

    The comment is noted only if the opinions differ: the table does not tell who agreed.
    """
    first = asked.decision
    given = new(
        SecondOpinion,
        site_id=asked.site_id, sample=asked.sample, first_status=first.to_status, first_reason=first.reason,
        status=status, reason=reason, given_on=now().replace(hour=0, minute=0, second=0, microsecond=0),
        comment_id=None, discussed=False,
    )  # fmt: skip
    if label_of(status, reason) != label_of(first.to_status, first.reason):
        given.comment_id = asked.comment_id
    skip(asked)
    insert_record(given)


def skip(asked: AskedOpinion) -> None:
    """End the question without an opinion. Raises Refused (404) if another request was faster."""
    if rows_changed(delete(AskedOpinion).where(AskedOpinion.id == asked.id)) != 1:
        raise gone()
    db.session.expunge(asked)


def gone() -> Refused:
    said = _("This second opinion is not needed any more: it was given, or the comment has changed.")
    return Refused("opinion_gone", said, status=404)


def _can_be_drawn(decision: Decision) -> bool:
    """A first look at a reader's comment. Undoing, overriding and legal cases follow other decisions."""
    comment = decision.comment
    looked = decision.actor == Actor.MODERATOR and decision.to_status in VERDICTS and decision.reason not in COVERS
    first = not decision.overrides and decision.undoes_id is None
    readers = comment.badge is None and comment.moderator_id is None and not comment.emptied_at
    return looked and first and readers and not _is_noticed(comment)


def _is_noticed(comment: Comment) -> bool:
    return db.session.scalar(select(Notice.id).where(Notice.comment_id == comment.id).limit(1)) is not None


def _sample_of(decision: Decision, percent: int) -> Sample | None:
    """Equal decisions give equal samples; moderators cannot foresee them."""
    lot, drawn = _lot(decision, "") % LOTS, percent * LOTS // 100
    if lot < drawn:
        return Sample.RANDOM
    if lot >= TIMES * drawn:
        return None
    if _rejects_a_known_author(decision):
        return Sample.KNOWN
    return Sample.NEAR if _is_near_a_threshold(decision.comment) else None


def _lot(decision: Decision, about: str) -> int:
    keyed = blind_index("second opinion", f"{decision.comment_id}.{decision.version}.{about}")
    return int.from_bytes(hashlib.sha256(keyed.encode()).digest()[:8])


def _rejects_a_known_author(decision: Decision) -> bool:
    if decision.to_status == Status.APPROVED:
        return False
    author = decision.comment.author_id
    return bool(comment_counts.by_author([author])[author].get(Status.APPROVED))


def _is_near_a_threshold(comment: Comment) -> bool:
    if comment.score is None:
        return False
    bands = thresholds.bands_of(comment.site, comment.written_in)
    return any(abs(comment.score - each) <= NEAR for each in thresholds.shown_thresholds(bands))


def _another(decision: Decision) -> int | None:
    """Id of the moderator of the comment's section who waits for the fewest questions, and did not decide on it.

    None if a single person moderates it, or everyone else has decided on it or has enough to answer.
    """
    section = decision.comment.thread.section
    found = [each for each in Membership.of_site(decision.comment.site) if not each.limits or section in each.limits]
    if len(found) < 2:
        return None
    known = set(db.session.scalars(select(Decision.moderator_id).where(Decision.comment_id == decision.comment_id)))
    waiting = AskedOpinion.counts_of([each.moderator_id for each in found])
    others = [each.moderator_id for each in found if each.moderator_id not in known]
    free = [id for id in others if waiting.get(id, 0) < MOST]
    return min(free, key=lambda id: (waiting.get(id, 0), _lot(decision, str(id))), default=None)


def _question(decision: Decision, sample: Sample, moderator_id: int) -> AskedOpinion:
    return new(
        AskedOpinion,
        site_id=decision.site_id, comment_id=decision.comment_id, decision_id=decision.id, moderator_id=moderator_id,
        sample=sample,
    )  # fmt: skip
