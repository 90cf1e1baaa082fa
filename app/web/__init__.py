"""HTML for people."""

from flask import Flask

from app.web import comments, embed, errors, feeds, headers, host, thread


def install(app: Flask) -> None:
    """Open these doors on `app`."""
    for door in (embed, thread, comments, feeds):
        app.register_blueprint(door.bp)
    errors.install(app)
    headers.install(app)
    host.install(app)
