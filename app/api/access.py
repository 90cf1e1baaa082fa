"""Access of programs: the token of a request, its scopes, and its limit."""

import logging
from math import ceil, floor

from flask import Response, g, request
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError

from app.database import read_only
from app.errors import Refused, outage
from app.lib import language
from app.lib.secrets import blind_index
from app.models import ApiToken, Comment, Moderator, Rate, RateLimit, Scope, Site

log = logging.getLogger(__name__)

# Requests of a token: so many at once, and as many within a minute.
MOST, WINDOW_S = 600, 60
RATE = Rate(MOST, WINDOW_S / MOST)


class NoToken(Refused):
    """401, with the challenge of RFC 6750, 3."""

    def __init__(self, *, sent: bool) -> None:
        said = _("This token is invalid, expired or revoked.") if sent else _("Send an access token.")
        super().__init__("invalid_token" if sent else "no_token", said, status=401)
        self.challenge = 'Bearer realm="kaiwa"' + (', error="invalid_token"' if sent else "")


class WrongScope(Refused):
    def __init__(self, scope: Scope) -> None:
        said = _("This needs a token with the scope “%(scope)s”.", scope=scope.value)
        super().__init__("insufficient_scope", said, status=403)
        self.challenge = f'Bearer realm="kaiwa", error="insufficient_scope", scope="{scope.value}"'


def authenticate(scope: Scope | None) -> None:
    """Let a request with a token pass. Raises Refused (401, 403, 429). None: any token will do."""
    read_only()
    sent = request.headers.get("Authorization", "")
    # Clients may write the scheme in any case (RFC 9110, 11.1).
    scheme, _space, secret = sent.partition(" ")
    token = ApiToken.with_secret(secret) if scheme.lower() == "bearer" else None
    if token is None:
        raise NoToken(sent=bool(sent))
    language.speak("", language.choose(), token.site.timezone)
    _count(token)
    if scope and not token.allows(scope):
        raise WrongScope(scope)
    g.token = token


def current_token() -> ApiToken:
    token: ApiToken = g.token
    return token


def current_program() -> Moderator:
    """The account that decisions of this request are recorded for."""
    return current_token().moderator


def current_site() -> Site:
    return current_token().site


def comment_or_404(id: int) -> Comment:
    """A comment of the token's site. Raises Refused (404)."""
    found = Comment.of_site([current_token().site_id], id)
    if found is None:
        raise missing()
    return found


def missing() -> Refused:
    return Refused("not_found", _("This doesn’t exist on the site of the token."), status=404)


def _count(token: ApiToken) -> None:
    """Count the request and note the use. Fails open: the database may be busy."""
    subject = blind_index("token", str(token.id))
    try:
        wait = RateLimit.take(subject, RATE)
        g.used = 1.0 if wait else RateLimit.used(subject, RATE)
        token.note_use()
    except SQLAlchemyError as trouble:
        if not outage(trouble):
            raise
        log.warning("request not counted: database busy")
        return
    if wait:
        raise Refused("too_many_requests", _("Too many requests with this token."), status=429, retry_after=wait)


def tell_limits(answer: Response) -> Response:
    """`RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers-10."""
    if "used" in g:
        # Floating-point numbers may be a little below a whole request.
        left, until = floor(MOST * (1 - g.used) + 0.005), ceil(WINDOW_S * g.used - 0.005)
        answer.headers["RateLimit-Policy"] = f'"token";q={MOST};w={WINDOW_S}'
        answer.headers["RateLimit"] = f'"token";r={left};t={until}'
    return answer
