"""HTML for people."""

from flask import Flask

from app.lib import changes
from app.lib.secrets import is_unreadable
from app.models import reason_name
from app.web import (
    access,
    account,
    appointing,
    comments,
    compressed,
    decisions,
    embed,
    errors,
    feeds,
    headers,
    health,
    history,
    host,
    keys,
    letters,
    links,
    people,
    privacy,
    queue,
    reports,
    rules,
    service,
    sites,
    stencil,
    summary,
    thread,
    threads,
)

READERS = (embed, thread, comments, reports, feeds, summary, links, letters, health)
MODERATORS = (account, queue, decisions, people, history, sites, appointing, rules, threads, privacy, service)


def install(app: Flask) -> None:
    """Open these doors on `app`."""
    compressed.install(app)
    for door in READERS + MODERATORS:
        app.register_blueprint(door.bp)
    app.register_blueprint(appointing.answers)
    keys.install(app)
    app.add_template_filter(reason_name)
    app.add_template_global(access.this_page)
    app.add_template_test(is_unreadable, "unreadable")
    app.add_template_filter(changes.between, "changed_into")
    stencil.install(app)
    errors.install(app)
    headers.install(app)
    host.install(app)
