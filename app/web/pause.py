"""How long a moderator has been deciding. Only the start and the last decision, in a cookie: no counts.

Apart from the session: an answer that arrives late must not bring back an ended log-in.
"""

import re
from datetime import timedelta

from flask import Response, after_this_request, current_app, request

from app.lib.clock import now
from app.models import Moderator
from app.web import desk_cookie
from app.web.access import current_moderator

# The account's id and both moments.
KEPT = re.compile(r"([0-9]{1,18})\.([0-9]{1,12})\.([0-9]{1,12})", re.ASCII)
# A longer time without a decision was a pause.
GAP = timedelta(minutes=10)


def note_decision() -> None:
    began, last = _kept(current_moderator())
    moment = int(now().timestamp())
    _keep(began if moment - last < GAP.total_seconds() else moment, moment)


def begin_again() -> None:
    """Start the time again, after a pause or a reminder that the moderator puts off."""
    moment = int(now().timestamp())
    _keep(moment, moment)


def is_due(moderator: Moderator) -> bool:
    began, last = _kept(moderator)
    moment = now().timestamp()
    is_deciding = moment - last < GAP.total_seconds()
    return bool(moderator.pause_minutes) and is_deciding and moment - began >= moderator.pause_minutes * 60


def _kept(moderator: Moderator) -> tuple[int, int]:
    """Both moments; 0 for those of another account. A changed cookie changes only the reminder in its own browser."""
    found = KEPT.fullmatch(request.cookies.get(_name(), ""))
    return (int(found[2]), int(found[3])) if found and int(found[1]) == moderator.id else (0, 0)


def _keep(began: int, last: int) -> None:
    value = f"{current_moderator().id}.{began}.{last}"

    @after_this_request
    def keep(answer: Response) -> Response:
        desk_cookie.keep(answer, _name(), value, GAP)
        return answer


def _name() -> str:
    return f"{current_app.config['COOKIE_PREFIX']}kaiwa_deciding"
