"""Proof of work, by ALTCHA's protocol: a browser computes for a moment where there is doubt whether a person acts.

It is asked for where a comment is held for nothing but doubts, once the comment is safe, and where a limit would
refuse a request. A reader without script, or with a slow browser, waits instead
(docs/decisions/0011-proof-of-work.md).
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
# Rounds for each of the 256 keys that are tried on average: a third of a second of a desk's processor.
COST = 5_000
COST_UNDER_PRESSURE = 20_000
# The cost where a limit that proofs go beyond is all but used up, as a multiple.
STEEPEST = 8
LASTS = timedelta(minutes=10)
# A solution has about 700 bytes.
LONGEST = 4_000
# One use, until the challenge has long expired.
ONCE = Rate(1, 2 * LASTS.total_seconds())

About = dict[str, str | int]


def challenge_beyond(about: About, excess: float) -> dict[str, Any]:
    """What a browser is to solve, bound to `about`; a dict as ALTCHA's clients read it.

    `excess`: how much of what proofs allow is used, 0 to 1. The cost grows with it.
    """
    return _challenge(about, round(COST * (1 + (STEEPEST - 1) * excess)))


def spend(payload: str, about: About) -> bool:
    """Whether this solves a challenge of ours about this; each solution works once."""
    solved = _read(payload, about)
    return solved is not None and not RateLimit.take(blind_index("spent proof", solved.parameters.nonce), ONCE)


def challenge(comment: Comment) -> dict[str, Any]:
    """What a browser is to solve for this comment as it now is."""
    return _challenge(_about(comment), COST_UNDER_PRESSURE if comment.site.is_pressed else COST)


def is_done(comment: Comment, payload: str) -> bool:
    """Whether this is the solution of a challenge of ours for this comment as it is; each works once."""
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
    """An accepted proof changes the comment's version, so that it proves nothing a second time."""
    return {"site": comment.site_id, "comment": comment.id, "version": comment.version}


def _secret() -> Index:
    return blind_index("proof of work", "challenges")
