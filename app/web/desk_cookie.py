"""Cookies of moderators beside the session, with the session's attributes."""

from datetime import timedelta

from flask import Response, current_app


def keep(answer: Response, name: str, value: str, max_age: timedelta | int) -> None:
    """`max_age`: seconds, if it is a number."""
    answer.set_cookie(
        name,
        value,
        max_age=max_age,
        path=current_app.config["SESSION_COOKIE_PATH"],
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        samesite="Lax",
    )
