"""What a browser without scripts keeps: the tokens of its reader's own comments, on this service only."""

from flask import current_app, request
from werkzeug.wrappers import Response

NAME = "kaiwa_own"
MOST_TOKENS = 10
LIFE_S = 30 * 24 * 3600


def name() -> str:
    """`__Host-`: under https no other service below the same domain can plant the cookie (RFC 6265bis, 4.1.3.2)."""
    return f"{current_app.config['COOKIE_PREFIX']}{NAME}"


def comment_tokens() -> list[str]:
    return _kept()[1:]


def author_token() -> str:
    return (_kept() or [""])[0]


def keep(answer: Response, author: str, comment: str, lasting: bool) -> None:
    """Keep both tokens: for this browser session, or longer when the reader ticked the box."""
    tokens = [comment, *(each for each in comment_tokens() if each != comment)][:MOST_TOKENS]
    secure = _is_secure()
    answer.set_cookie(
        name(),
        "|".join([author, *tokens]),
        max_age=LIFE_S if lasting else None,
        path=current_app.config["SESSION_COOKIE_PATH"],
        httponly=True,
        secure=secure,
        # In an iframe on the publisher's page, the cookie is a partitioned one of that page.
        samesite="None" if secure else "Lax",
        partitioned=secure,
    )


def _kept() -> list[str]:
    value = request.cookies.get(name(), "")
    return value.split("|")[: 1 + MOST_TOKENS] if value else []


def _is_secure() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])
