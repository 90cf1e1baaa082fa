"""Proof of work by ALTCHA's protocol, if it is doubtful that a person acts.

It can replace waiting for review, if a comment is held for doubts only, and a refusal by a rate limit. Without
JavaScript, or with a slow browser, readers wait (docs/decisions/0011-proof-of-work.md).
"""

import base64
import json
from datetime import timedelta
from typing import Any

import altcha

from app.lib.clock import now
from app.lib.secrets import Index, blind_index
from app.models import Comment, Rate, RateLimit

ALGORITHM = "PBKDF2/SHA-256"
# Rounds for each of 256 keys tried on average: a third of a second on a desktop.
COST = 5_000
COST_UNDER_PRESSURE = 20_000
# Cost factor when a limit for proofs is nearly used up.
STEEPEST = 8
LASTS = timedelta(minutes=10)
# A solution has about 700 bytes.
LONGEST = 4_000
# Single use, until the challenge has expired.
ONCE = Rate(1, 2 * LASTS.total_seconds())

About = dict[str, str | int]


def challenge_beyond(about: About, excess: float) -> dict[str, Any]:
    """A challenge bound to `about`, as a dict for ALTCHA's clients.

    The cost grows with `excess`, the used part of what proofs allow (0 to 1).
    """
    return _challenge(about, round(COST * (1 + (STEEPEST - 1) * excess)))


def spend(payload: str, about: About) -> bool:
    """True if this solves our challenge about `about`; each solution works once."""
    solved = _read(payload, about)
    return solved is not None and not RateLimit.take(blind_index("spent proof", solved.parameters.nonce), ONCE)


def challenge(comment: Comment) -> dict[str, Any]:
    """A challenge for the comment's current version."""
    return _challenge(_about(comment), COST_UNDER_PRESSURE if comment.site.is_pressed else COST)


def is_done(comment: Comment, payload: str) -> bool:
    """True if this solves our challenge for the comment's current version; each works once."""
    return _read(payload, _about(comment)) is not None


def _challenge(about: About, cost: int) -> dict[str, Any]:
    made = altcha.create_challenge(ALGORITHM, cost, expires_at=now() + LASTS, data=about, hmac_secret=_secret())
    return made.to_dict()


def _read(payload: str, about: About) -> altcha.Challenge | None:
    if len(payload) > LONGEST:
        return None
    try:
        given = altcha.Payload.from_dict(json.loads(base64.b64decode(payload)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    known = given.challenge.parameters.data == about and _is_ours(given)
    return given.challenge if known else None


def _is_ours(given: altcha.Payload) -> bool:
    return any(altcha.verify_solution(given, secret).verified for secret in _secret().all)


def _about(comment: Comment) -> About:
    """With the version, which an accepted proof changes."""
    return {"site": comment.site_id, "comment": comment.id, "version": comment.version}


def _secret() -> Index:
    return blind_index("proof of work", "challenges")
