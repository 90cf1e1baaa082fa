"""A durable database with comments, and the service on it as `make serve` starts it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import event

from app import create_app
from app.extensions import db
from app.models import keyring
from bench.fill import Shape, fill, site
from tests.services import Live, running_kaiwa, running_postgres

DATABASES = ("sqlite", "postgresql")
SECRET_KEY = "k" * 64


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database with durable commits (fsync)."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder:
            yield f"sqlite:///{folder}/kaiwa.sqlite3"
        return
    with running_postgres(durable=True) as server:
        yield server.create("bench")


def application(url: str) -> Flask:
    return create_app({"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "LOG_LEVEL": "ERROR"})


@contextmanager
def filled(url: str, *shapes: Shape, **settings: object) -> Iterator[Flask]:
    """An application on that database with the site `bench` and the threads of each shape."""
    app = application(url)
    with app.app_context():
        upgrade()
        # Filled rows hold no ciphertext, so an empty database must learn its key first, as at the first start.
        keyring.admit()
    site(app, **settings)
    first = 0
    for shape in shapes:
        fill(app, shape, first)
        first += shape.threads
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


@contextmanager
def running(app: Flask, workers: int = 2, **settings: str) -> Iterator[Live]:
    """The service on that application's database."""
    with tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder:
        given = {"DATABASE_URL": app.config["DATABASE_URL"], "SECRET_KEY": SECRET_KEY} | settings
        with running_kaiwa(Path(folder), given, workers=workers, migrated=True) as kaiwa:
            yield kaiwa


@contextmanager
def recorded_statements(app: Flask) -> Iterator[list[tuple[str, tuple[object, ...]]]]:
    """The statements, with their parameters, that the application sends within the block."""
    found: list[tuple[str, tuple[object, ...]]] = []

    def record(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        found.append((statement, parameters))

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", record)
        yield found
        event.remove(db.engine, "before_cursor_execute", record)
