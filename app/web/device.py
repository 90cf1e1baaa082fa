"""The browser of a log-in: a signed cookie that recognises it, and its name on the page."""

import secrets
from datetime import timedelta

from flask import Response, current_app, request

from app.abuse.address import client, network
from app.lib import browsers
from app.lib.signing import BadToken, sign, unsign
from app.models import Moderator
from app.models.login import Place
from app.web import desk_cookie

LASTS = timedelta(days=365)


def remember(answer: Response, email_index: str) -> None:
    desk_cookie.keep(answer, _cookie(), sign("device", [email_index, secrets.token_hex(8)]), LASTS)


def place() -> Place:
    """Where this request comes from, as it is shown in the list of log-ins."""
    return Place(network(client()), browsers.name_of(request.user_agent.string))


def known(email: str) -> str:
    """Names this browser if the account was logged in here before, else ''."""
    try:
        index, name = unsign("device", request.cookies.get(_cookie(), ""), LASTS)
    except BadToken:
        return ""
    return name if index in Moderator.index_of(email).all else ""


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-device"
