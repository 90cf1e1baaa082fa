"""Burst protection: hold everything for a while and notify the moderators once."""

from datetime import timedelta

from flask import current_app

from app.extensions import db
from app.lib.clock import now
from app.models import Site, recent_posts
from app.notify import events

WINDOW = timedelta(minutes=1)
LEARNS_FROM = timedelta(days=7)
LEARNS_EVERY = timedelta(days=1)


def is_bursting(site: Site) -> bool:
    """True if more comments arrive than is normal; counted in the table, across processes."""
    return bool(site.burst) and recent_posts.more_than(site.burst - 1, site, now() - WINDOW)


def start_holding(site: Site) -> None:
    """Hold all comments for a while; notify the moderators at the beginning."""
    lasts = timedelta(seconds=current_app.config["FLOOD_HOLD"])
    if site.press(now() + lasts, renewed_before=now() + lasts / 2):
        events.flooded(site)


def is_rate_due() -> bool:
    due = Site.learnt_before(now() - LEARNS_EVERY) is not None
    db.session.rollback()
    return due


def learn_normal_rate() -> None:
    """Update the normal rate of one site without a current one."""
    site = Site.learnt_before(now() - LEARNS_EVERY)
    if site:
        site.busiest_minute, site.learnt_at = recent_posts.busiest_minute(site, now() - LEARNS_FROM), now()
