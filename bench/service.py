"""Kaiwa as a bench finds it: a durable database with comments in it, and the service as `make serve` starts it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from flask_migrate import upgrade

from app import create_app
from app.extensions import db
from bench.fill import Shape, fill, site
from tests.services import Live, running_kaiwa, running_postgres

DATABASES = ("sqlite", "postgresql")
SECRET_KEY = "k" * 64


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The address of an empty database that keeps what it has acknowledged (fsync, synchronous commits)."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder:
            yield f"sqlite:///{folder}/kaiwa.sqlite3"
        return
    with running_postgres(durable=True) as server:
        yield server.create("bench")


@contextmanager
def filled(url: str, *shapes: Shape, **settings: object) -> Iterator[Flask]:
    """An application on that database with one site, `bench`, and a thread or more of each shape."""
    app = create_app({"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "LOG_LEVEL": "ERROR"})
    with app.app_context():
        upgrade()
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
        with running_kaiwa(Path(folder), given, workers=workers) as kaiwa:
            yield kaiwa
