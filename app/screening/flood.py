"""A burst over what is normal for a site: everything is held for a while, moderators are told once, calm ends it."""

from datetime import timedelta

from flask import current_app

from app.lib.clock import now
from app.models import Site, arrivals
from app.notify import events

# How far back limits and bursts look.
WINDOW = timedelta(minutes=1)
LEARNS_FROM = timedelta(days=7)
LEARNS_EVERY = timedelta(days=1)


def is_bursting(site: Site) -> bool:
    """Whether more arrive just now than is normal; counted in the table, so that it holds with many processes."""
    return bool(site.burst) and arrivals.more_than(site.burst - 1, site, now() - WINDOW)


def press(site: Site) -> None:
    """Have the site hold everything for a while, in the caller's transaction; tell its moderators when that is new."""
    lasts = timedelta(seconds=current_app.config["FLOOD_HOLD"])
    if site.press(now() + lasts, renewed_before=now() + lasts / 2):
        events.flooded(site)


def learn() -> None:
    """Learn what is normal for one of the sites where that is not known, or was learnt long ago."""
    site = Site.learnt_before(now() - LEARNS_EVERY)
    if site:
        site.busiest_minute, site.learnt_at = arrivals.busiest_minute(site, now() - LEARNS_FROM), now()
