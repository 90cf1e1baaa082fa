"""JSON for programs."""

from flask import Flask


def install(app: Flask) -> None:
    """Open these doors on `app`."""
