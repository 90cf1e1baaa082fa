"""What a site does with a learnt score: spam from one number, hold from another, and below that perhaps publish."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import selectinload

from app.extensions import db
from app.models import Comment, Site

SHOWN = 20  # comments of each kind of mistake
AMONG = 5_000  # the newest comments are compared


class Band(StrEnum):
    SPAM = "spam"
    HOLD = "hold"
    FINE = "fine"


def band_of(site: Site, score: float | None) -> Band | None:
    """The band of a score on this site; None for a comment that has none."""
    if score is None:
        return None
    if score * 100 >= site.score_spam_from:
        return Band.SPAM
    return Band.HOLD if score * 100 >= site.score_hold_from else Band.FINE


def publishes(site: Site, score: float | None) -> bool:
    """Whether the site lets a comment of this score pass that would wait only because everything does."""
    return site.score_acts and site.score_publishes and band_of(site, score) == Band.FINE


@dataclass(frozen=True)
class Shadow:
    """What the bands would have done, and what people said: `counts[band]["fine"|"spam"|""]`; "" is nobody yet."""

    counts: dict[Band, dict[str, int]]
    # Newest first, a few of each: called spam, but approved by a person; called fine, but spam to her.
    false_alarms: list[Comment]
    missed: list[Comment]

    @property
    def scored(self) -> int:
        """How many comments there are to compare."""
        return sum(sum(said.values()) for said in self.counts.values())


def shadow(site: Site, since: datetime) -> Shadow:
    """Compare the site's present bands with what its people decided on the comments scored since then."""
    band = case(
        (Comment.score * 100 >= site.score_spam_from, Band.SPAM.value),
        (Comment.score * 100 >= site.score_hold_from, Band.HOLD.value),
        else_=Band.FINE.value,
    )
    since = max(since, Comment.moment_back(site.id, AMONG) or since)
    scored = (Comment.site_id == site.id, Comment.score.is_not(None), Comment.created_at > since)
    rows = db.session.execute(select(band, Comment.lesson, func.count()).where(*scored).group_by(band, Comment.lesson))
    counts = {each: {"fine": 0, "spam": 0, "": 0} for each in Band}
    for name, said, count in rows:
        counts[Band(name)][said] = count
    false_alarms = _newest(*scored, band == Band.SPAM.value, Comment.lesson == "fine")
    missed = _newest(*scored, band == Band.FINE.value, Comment.lesson == "spam")
    return Shadow(counts, false_alarms, missed)


def _newest(*conditions: ColumnElement[bool]) -> list[Comment]:
    query = select(Comment).where(*conditions).options(selectinload(Comment.thread))
    return list(db.session.scalars(query.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(SHOWN)))
