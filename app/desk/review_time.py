"""How long readers usually wait for the review of a comment on a site."""

import time
from datetime import timedelta
from statistics import median

from flask import Flask, current_app
from sqlalchemy import select

from app.extensions import db
from app.lib.clock import now
from app.lib.language import duration
from app.models import Actor, Comment, Decision, Site, Status

RECENT = timedelta(days=14)
# Newest decisions of the site that are looked at, reviews that are counted, and the fewest that give a usual time.
AMONG, COUNTED, FEWEST = 1_000, 200, 5
SHORTEST = timedelta(minutes=5)
KEPT_S = 600.0


def install(app: Flask) -> None:
    app.extensions["review times"] = {}


def usual_review_time(site: Site) -> str:
    """Such as "2 hours", in the language in use; '' if it is unknown. Computed every ten minutes in each process."""
    known: dict[int, tuple[float, timedelta | None]] = current_app.extensions["review times"]
    until, usual = known.get(site.id, (0.0, None))
    if until <= time.monotonic():
        usual = _median(site)
        known[site.id] = (time.monotonic() + KEPT_S, usual)
    return duration(max(usual, SHORTEST)) if usual is not None else ""


def _median(site: Site) -> timedelta | None:
    query = (
        select(Decision.made_at, Comment.created_at)
        .join(Comment, Comment.id == Decision.comment_id)
        .where(Decision.site_id == site.id, Decision.id >= Decision.id_back(site.id, AMONG))
        .where(Decision.made_at > now() - RECENT, Decision.actor == Actor.MODERATOR, Decision.undoes_id.is_(None))
        .where(Decision.from_status == Status.PENDING, Comment.source.is_(None))
        .order_by(Decision.id.desc())
        .limit(COUNTED)
    )
    waits = [(made_at - created_at).total_seconds() for made_at, created_at in db.session.execute(query)]
    return timedelta(seconds=median(waits)) if len(waits) >= FEWEST else None
