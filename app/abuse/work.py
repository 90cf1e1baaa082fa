"""Proof of work, by ALTCHA's protocol: a browser computes for a moment where there is doubt whether a person writes.

It is asked for after the comment is safe, and only where an answer would help it. Who has no script, or a browser
that computes slowly, waits for a moderator instead (docs/decisions/0011-proof-of-work.md).
"""

import base64
import json
from datetime import timedelta
from typing import Any

import altcha

from app.lib.clock import now
from app.lib.secrets import Index, blind_index
from app.models import Comment

ALGORITHM = "PBKDF2/SHA-256"
# Rounds for each of the 256 keys that are tried on average: a third of a second of a desk's processor.
COST = 5_000
COST_UNDER_PRESSURE = 20_000
LASTS = timedelta(minutes=10)
# A solution has about 700 bytes.
LONGEST = 4_000


def challenge(comment: Comment) -> dict[str, Any]:
    """What a browser is to solve for this comment as it now is; a dict as ALTCHA's clients read it."""
    made = altcha.create_challenge(
        ALGORITHM,
        COST_UNDER_PRESSURE if comment.site.is_pressed else COST,
        expires_at=now() + LASTS,
        data=_about(comment),
        hmac_secret=_secret(),
    )
    return made.to_dict()


def is_done(comment: Comment, payload: str) -> bool:
    """Whether this is the solution of a challenge of ours for this comment as it is; each works once."""
    if len(payload) > LONGEST:
        return False
    try:
        given = altcha.Payload.from_dict(json.loads(base64.b64decode(payload)))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    ours = any(altcha.verify_solution(given, secret).verified for secret in _secret().all)
    return ours and given.challenge.parameters.data == _about(comment)


def _about(comment: Comment) -> dict[str, int]:
    """An accepted proof changes the comment's version, so that it proves nothing a second time."""
    return {"site": comment.site_id, "comment": comment.id, "version": comment.version}


def _secret() -> Index:
    return blind_index("proof of work", "challenges")
