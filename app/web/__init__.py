"""HTML for people."""

from flask import Flask

from app.web import (
    account,
    comments,
    embed,
    errors,
    feeds,
    headers,
    health,
    history,
    host,
    links,
    queue,
    reports,
    thread,
)


def install(app: Flask) -> None:
    """Open these doors on `app`."""
    for door in (embed, thread, comments, reports, feeds, account, queue, history, links, health):
        app.register_blueprint(door.bp)
    errors.install(app)
    headers.install(app)
    host.install(app)
