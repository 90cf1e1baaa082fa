"""A full disk: no partial writes, writers get 503 with Retry-After, readers are served."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.extensions import db
from app.models import Comment, Decision
from tests.cast import PAGE, Reader, a_site

# Large enough that a few fill the last free page, and that the disk is found full at different statements.
SIZES = (20, 900, 4_000, 9_000)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def by_form(client: FlaskClient, body: str) -> TestResponse:
    return Reader(client).post(body)


def by_program(client: FlaskClient, body: str) -> TestResponse:
    who = {"site": "paper", "url": PAGE, "name": "Hanako", "email": "hanako@readers.example"}
    return client.post("/api/v1/comments", json=who | {"body": body})


@pytest.fixture
def full(app: Flask, db_session: Session) -> None:
    """A site whose database may not grow by another page."""
    a_site(db_session)
    pages = db_session.execute(text("PRAGMA page_count")).scalar_one()
    db_session.commit()

    def keep_it_full(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    db.engine.dispose()
    event.listen(db.engine, "connect", keep_it_full)


@pytest.mark.parametrize("says", [by_form, by_program])
@pytest.mark.parametrize("size", SIZES)
def test_writes_get_503_and_store_nothing(
    full: None, client: FlaskClient, db_session: Session, says: Callable[..., TestResponse], size: int
) -> None:
    answers = [says(client, f"{number} {'x' * size}") for number in range(60)]
    kept = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert refused and {answer.status_code for answer in refused} == {503}
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert db_session.query(Comment).count() == len(kept) == db_session.query(Decision).count()
    assert db_session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    assert Reader(client).get_thread().status_code == 200


def test_a_program_gets_a_json_error_on_a_full_disk(full: None, client: FlaskClient) -> None:
    answers = [by_program(client, f"{number} {'x' * 9_000}") for number in range(20)]
    assert answers[-1].content_type == "application/problem+json" and answers[-1].json["code"] == "busy"


@pytest.mark.usefixtures("full")
def test_a_full_database_is_named(app: Flask, client: FlaskClient) -> None:
    while by_form(client, "x" * 9_000).status_code == 201:
        pass
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (200, "full"), "readers are served"


def test_a_disk_is_named_before_it_is_full_and_when_it_only_reads(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs("/")
    named = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail", "f_flag")

    def disk(**changes: int) -> os.statvfs_result:
        return os.statvfs_result([changes.get(name, getattr(real, name)) for name in (*named, "f_namemax")])

    for changes, state in (
        ({"f_bavail": 1 << 20, "f_flag": 0}, "ok"),
        ({"f_bavail": 100, "f_flag": 0}, "full"),
        ({"f_bavail": 1 << 20, "f_flag": os.ST_RDONLY}, "read-only"),
    ):
        monkeypatch.setattr(os, "statvfs", lambda _path, changes=changes: disk(**changes))
        assert client.get("/readyz").json["database"] == state
        done = app.test_cli_runner().invoke(args=["check", "--json"])
        assert ('"storage"' in done.output) == (state != "ok")
