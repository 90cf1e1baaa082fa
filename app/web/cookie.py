"""Cookie for browsers without JavaScript, with the tokens of the reader's comments."""

from flask import current_app, request
from werkzeug.wrappers import Response

NAME = "kaiwa_own"
MOST_TOKENS = 10
LIFE_S = 30 * 24 * 3600


def name() -> str:
    """`__Host-`: with https, no other service of the domain can set it (RFC 6265bis, 4.1.3.2)."""
    return f"{current_app.config['COOKIE_PREFIX']}{NAME}"


def comment_tokens() -> list[str]:
    return _kept()[1:]


def author_token() -> str:
    return (_kept() or [""])[0]


def forget(answer: Response) -> None:
    secure = _is_secure()
    answer.delete_cookie(
        name(), path=current_app.config["SESSION_COOKIE_PATH"], httponly=True, secure=secure,
        samesite="None" if secure else "Lax", partitioned=secure,
    )  # fmt: skip


def set_tokens(answer: Response, author: str, comment: str, lasting: bool) -> None:
    """Set both tokens for this browser session, or longer if the reader ticked the box."""
    tokens = [each for each in dict.fromkeys((comment, *comment_tokens())) if each][:MOST_TOKENS]
    secure = _is_secure()
    answer.set_cookie(
        name(),
        "|".join([author, *tokens]),
        max_age=LIFE_S if lasting else None,
        path=current_app.config["SESSION_COOKIE_PATH"],
        httponly=True,
        secure=secure,
        # In an iframe, the cookie is partitioned by the publisher's page.
        samesite="None" if secure else "Lax",
        partitioned=secure,
    )


def _kept() -> list[str]:
    value = request.cookies.get(name(), "")
    return value.split("|")[: 1 + MOST_TOKENS] if value else []


def _is_secure() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])
