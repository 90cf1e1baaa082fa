"""The state that an article's page claims, signed by the publisher's system with the site's key.

The same key signs the section of a page (app/forms/signed_section.py).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext as _

from app.errors import Refused
from app.lib.clock import now
from app.models import Actor, Site, State, Thread, ThreadChange
from app.moderation import articles

LONGEST = 200  # characters
# Clocks of the publisher and of the service differ.
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True)
class Claim:
    state: State
    at: datetime


def new_key() -> str:
    return secrets.token_urlsafe(32)


def signature(key: str, site: str, page: str, state: str, date: str) -> str:
    """HMAC-SHA256 in hexadecimal. `page` is the page's own id or its address, as in the attributes."""
    return hmac.digest(key.encode(), "\n".join((site, page, state, date)).encode(), hashlib.sha256).hex()


def read(site: Site, page: str, text: str) -> Claim:
    """The claim in "STATE DATE SIGNATURE", for this page of this site. Raises Refused (403)."""
    state, date, signed = (text.split(" ") + [""] * 3)[:3] if len(text) <= LONGEST else ("", "", "")
    if not is_signed(site, page, state, date, signed):
        raise _refused()
    try:
        claim = Claim(State(state), datetime.fromisoformat(date))
    except ValueError as trouble:
        raise _refused() from trouble
    if claim.at.tzinfo is None or claim.at > now() + AHEAD:
        raise _refused()
    return claim


def is_signed(site: Site, page: str, first: str, second: str, signed: str) -> bool:
    """True if the publisher has signed these two lines about the page."""
    expected = signature(site.state_key, site.key, page, first, second) if site.state_key else ""
    return bool(expected) and hmac.compare_digest(expected.encode(), signed.encode())


def apply(thread: Thread, claim: Claim) -> ThreadChange | None:
    """Put the thread into the claimed state; None if it is in it, or if a newer change of the state stands.

    The change is dated as claimed, so a page from a cache undoes no newer change by the publisher or a moderator.
    """
    thread.lock()
    newest = ThreadChange.newest_of(thread)
    if newest and claim.at <= newest.made_at:
        return None
    return articles.set_state(thread, claim.state, actor=Actor.PAGE, at=claim.at)


def _refused() -> Refused:
    return Refused("bad_state", _("The state of this page isn’t signed by this site."), status=403)
