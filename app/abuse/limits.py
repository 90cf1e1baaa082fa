"""Rate limits of a network for anonymous requests."""

import logging
from math import ceil

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.exc import SQLAlchemyError

from app.abuse.address import client, network, single, wide_network
from app.errors import Refused, outage
from app.lib import metrics
from app.lib.secrets import blind_index
from app.models import Rate, RateLimit, Site
from app.models.site import WIDE_TIMES

log = logging.getLogger(__name__)

# As multiples of the site's comments per minute and network.
TIMES = {"preview": 2, "edit": 1, "withdraw": 1, "own": 4, "stamp": 4, "report": 1, "vote": 1, "state": 1, "proof": 2,
         "member": 4,
         # Posts that store nothing: invalid, refused or sent again. Stored comments are counted as rows.
         "post": 2,
         # Posts from a network over its limit: a browser may send each again with a proof of work.
         "crowded": 4}  # fmt: skip
# Whatever the site's limit, because a person must answer each: ten at once, and one more every six minutes.
FIXED = {"notice": Rate(10, 6 * 60)}
# Posts that store nothing, of a network as a multiple of those of one client in it.
NEIGHBOURS = 8


def admit(site: Site, purpose: str) -> None:
    """Count a request. Raises Refused (429) if its network has sent too many.

    Fails open: an uncounted reader is served.
    """
    for subject, rate in _limits(site, purpose):
        if wait := _take(subject, rate):
            raise too_many(wait)


def count(site: Site, purpose: str) -> None:
    """Count a request that is answered anyway; `refuse_exhausted` refuses later ones."""
    for subject, rate in _limits(site, purpose):
        _take(subject, rate)


def refuse_exhausted(site: Site, *purposes: str) -> None:
    """Raise Refused (429) where `admit` would; counts nothing, so that an ordinary comment costs no write."""
    limits = [limit for purpose in purposes for limit in _limits(site, purpose)]
    if limits and (wait := RateLimit.longest_wait(limits)):
        raise too_many(wait)


def too_many(wait: int) -> Refused:
    sentence = _("Too many requests from your network.") + " " + in_words(wait)
    return Refused("too_many_requests", sentence, status=429, retry_after=wait)


def in_words(wait: int) -> str:
    if wait < 90:
        return ngettext("Try again in %(num)d second.", "Try again in %(num)d seconds.", wait)
    minutes = ceil(wait / 60)
    return ngettext("Try again in %(num)d minute.", "Try again in %(num)d minutes.", minutes)


def _limits(site: Site, purpose: str) -> list[tuple[str, Rate]]:
    """Limits of the network and its IPv6 /48; none if the site has no limit."""
    near = network(client())
    wide = wide_network(near)
    if fixed := FIXED.get(purpose):
        wider = Rate(fixed.burst * WIDE_TIMES, fixed.seconds / WIDE_TIMES)
        named = [(near, fixed)] + ([(wide, wider)] if wide else [])
        return [(blind_index(f"limit {purpose} {site.id}", each), rate) for each, rate in named]
    most = site.flood_per_address * TIMES[purpose]
    if not most:
        return []
    limits = [(near, most)] + ([(wide, most * WIDE_TIMES)] if wide else [])
    if purpose in ("post", "crowded"):
        # Each client for itself: one that sends mistakes all day must not refuse its neighbours' comments.
        limits = [(single(client()), most)] + [(each, many * NEIGHBOURS) for each, many in limits]
    return [(blind_index(f"limit {purpose} {site.id}", each), Rate(many, 60 / many)) for each, many in limits]


def _take(subject: str, rate: Rate) -> int:
    try:
        return RateLimit.take(subject, rate)
    except SQLAlchemyError as trouble:
        if not outage(trouble):
            raise
        log.warning("request not counted: database busy")
        metrics.UNCOUNTED.inc()
        return 0
