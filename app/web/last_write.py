"""A cookie with the position of the moderator's last write, so that a replica that lacks it answers no search.

Apart from the session: each write sets it, and an answer that arrives late must not bring back an ended log-in.
"""

import re

from flask import Flask, Response, current_app, request, session

from app import replica
from app.connections import SAFE_METHODS
from app.web import desk_cookie
from app.web.access import SESSION_KEY

POSITION = re.compile(r"[0-9]{1,20}", re.ASCII)


def install(app: Flask) -> None:
    app.after_request(_note)


def of_request() -> int:
    """The position in the cookie. A reader who changes it changes only what they see themselves."""
    given = request.cookies.get(_name(), "0")
    return int(given) if POSITION.fullmatch(given) else replica.UNKNOWN


def _note(answer: Response) -> Response:
    if request.method in SAFE_METHODS or SESSION_KEY not in session or replica.of_app() is None:
        return answer
    # Afterwards no replica is asked that lacks it.
    lasts = 2 * current_app.config["DATABASE_READ_LAG"]
    desk_cookie.keep(answer, _name(), str(replica.last_write()), lasts)
    return answer


def _name() -> str:
    return f"{current_app.config['COOKIE_PREFIX']}kaiwa_written"
