"""Rate limits for posts: by author, by network, and by the form's stamp.

Counted in the comment table: valid across processes, one query for an ordinary post. Two concurrent posts may both
pass, which is cheaper than a lock.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _
from flask_babel import ngettext

from app.errors import Refused
from app.lib.clock import now
from app.lib.secrets import blind_index
from app.models import Author, Rate, RateLimit, Site, recent_posts
from app.models.site import WIDE_TIMES
from app.screening.flood import WINDOW

DAY = timedelta(days=1)
# One client may use three quarters of its network's limit, if that is high enough to share.
KEPT_FOR_NEIGHBOURS, SHARED_FROM = 1 / 4, 10
# Proofs of work can exceed a network's limit by this factor only: a bot farm can compute.
PROVEN_TIMES = 3
# Comments with one stamp from one network; more only if others posted from there too.
POSTS_OF_A_STAMP = 5
STAMP_AGAIN = Rate(1, timedelta(days=2).total_seconds())


@dataclass(frozen=True)
class Sender:
    """Keyed hashes of the sender's network, its /48 and the client.

    `stamp` is the name of the form's stamp. `prove` verifies and spends the proof of work that came with the post.
    """

    network: str = ""
    wide: str | None = None
    client: str = ""
    stamp: str = ""
    stamped_at: datetime | None = None
    prove: Callable[[], bool] | None = None


class Crowded(Refused):
    """Too many posts from one network. `excess`: 0 to 1, or None if no proof of work helps."""

    def __init__(self, excess: float | None):
        super().__init__("flood", _("Too many comments from your network. Please try again in a minute."), status=429)
        self.excess = excess


@dataclass(frozen=True)
class Admission:
    """`refused`: reason of a refusal. `crowded`: a proof of work is needed. `worn`: the stamp was used too often."""

    refused: Refused | None
    crowded: bool
    worn: bool


def check_limits(site: Site, sender: Sender, known: Author | None, email: str) -> Admission:
    limits = {name: limit for name, limit in _limits(site, sender, known, email) if limit.most}
    over = {name for name, reached in zip(limits, recent_posts.reached([*limits.values()]), strict=True) if reached}
    crowded = bool(over & {"network", "wide"}) or ("busy" in over and _has_had_its_share(site, sender))
    return Admission(_refused(site, over), crowded, _is_worn(sender, over))


def require_proof(site: Site, sender: Sender) -> None:
    """Accept a proof of work instead of the network's limit. Raises Crowded."""
    most = site.flood_per_address * PROVEN_TIMES
    rate, subject = Rate(most, WINDOW.total_seconds() / most), blind_index("proven posts", sender.network)
    if RateLimit.wait(subject, rate):
        raise Crowded(None)
    if sender.prove is None or not sender.prove():
        raise Crowded(RateLimit.used(subject, rate))
    RateLimit.take(subject, rate)


def _limits(site: Site, sender: Sender, known: Author | None, email: str) -> Iterator[tuple[str, recent_posts.Limit]]:
    """Limits by name; 0 is off."""
    lately = now() - WINDOW
    here = {"site_id": site.id, "address_index": sender.network}
    yield "network", recent_posts.Limit(site.flood_per_address, lately, here)
    if site.flood_per_address >= SHARED_FROM:
        yield "busy", recent_posts.Limit(site.flood_per_address // 2, lately, here)
    if sender.wide:
        around = {"site_id": site.id, "wide_index": sender.wide}
        yield "wide", recent_posts.Limit(site.flood_per_address * WIDE_TIMES, lately, around)
    if known:
        yield "author", recent_posts.Limit(site.flood_per_author, lately, {"author_id": known.id})
        yield "day", recent_posts.Limit(site.daily_per_author, now() - DAY, {"author_id": known.id})
    elif email:
        same_person = {**here, "email_index": Author.index_of(site, email)}
        yield "author", recent_posts.Limit(site.flood_per_author, lately, same_person)
    if sender.stamped_at and site.min_seconds:
        yield "stamp", recent_posts.Limit(POSTS_OF_A_STAMP, sender.stamped_at, here)
        if sender.wide:
            yield "wide stamp", recent_posts.Limit(POSTS_OF_A_STAMP * WIDE_TIMES, sender.stamped_at, around)


def _is_worn(sender: Sender, over: set[str]) -> bool:
    """True if the stamp has served its posts from this network, or from the /48 around it."""
    places = {"stamp": sender.network, "wide stamp": sender.wide}
    subjects = [f"{sender.stamp} {place}" for name, place in places.items() if name in over]
    return any(RateLimit.take(blind_index("stamp", subject), STAMP_AGAIN) > 0 for subject in subjects)


def _has_had_its_share(site: Site, sender: Sender) -> bool:
    """True if one client has used its share of the upper half of the network's limit."""
    most = site.flood_per_address
    share = max(1, most - most // 2 - int(most * KEPT_FOR_NEIGHBOURS))
    rate = Rate(share, WINDOW.total_seconds() / share)
    return RateLimit.take(blind_index("posts of a client", sender.client), rate) > 0


def _refused(site: Site, over: set[str]) -> Refused | None:
    if "author" in over:
        return Refused("flood", _("You are posting comments too quickly. Slow down."), status=429)
    if "day" not in over:
        return None
    sentence = ngettext(
        "You’ve posted %(num)d comment in the last 24 hours. Please try again later.",
        "You’ve posted %(num)d comments in the last 24 hours. Please try again later.",
        site.daily_per_author,
    )
    return Refused("daily_limit", sentence, status=429, retry_after=3600)
