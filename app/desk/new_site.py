"""Add a site from the browser, with a key made from its host."""

import re
from itertools import count
from urllib.parse import urlsplit

from app.extensions import db
from app.models import Membership, Moderator, Role, Site, audit
from app.models.audit import Event
from app.models.site import KEY

LONGEST_KEY = 56  # characters; leaves room for a number


def add(name: str, origin: str, *, lang: str, timezone: str, by: Moderator) -> Site:
    """A new site, with `by` as its owner. The values are validated."""
    site = Site(key=_free_key(origin), name=name, origins=[origin], lang=lang, timezone=timezone)
    site.timezone_chosen = True
    db.session.add(site)
    db.session.add(Membership(moderator=by, site=site, role=Role.OWNER))
    db.session.flush()
    audit.record(Event.SITE_ADDED, by=by, site=site, name=name, origins=site.origins)
    return site


def _free_key(origin: str) -> str:
    host = (urlsplit(origin).hostname or "").removeprefix("www.")
    base = re.sub(r"[^a-z0-9]+", "-", host.lower())[:LONGEST_KEY].strip("-")
    base = base if KEY.fullmatch(base) else "site"
    keys = (base if number == 1 else f"{base}-{number}" for number in count(1))
    return next(key for key in keys if Site.with_key(key) is None)
