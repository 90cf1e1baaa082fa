"""A running installation from inside the test's process: its database and its commands."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from app.extensions import db
from tests.services import Live


@contextmanager
def application_of(live: Live) -> Iterator[Flask]:
    app = create_app(live.environment)
    yield app
    with app.app_context():
        db.engine.dispose()


@contextmanager
def database_of(live: Live) -> Iterator[Session]:
    with application_of(live) as app, app.app_context():
        yield db.session()
        db.session.remove()


def run_command(live: Live, *words: str) -> str:
    """Like `live.flask(...)`, without the start of a process; return the output."""
    with application_of(live) as app:
        done = app.test_cli_runner().invoke(args=words)
    assert done.exit_code == 0, done.output
    return done.stdout
