"""A failing database or machine gives 503 on every route and a log line that names it; a bug stays 500."""

import errno
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, InvalidRequestError, OperationalError, TimeoutError
from sqlalchemy.orm import Session

from app.errors import outage
from app.extensions import db
from app.models import Comment
from tests.cast import PAGE, Reader, a_moderator, a_site, the_comment
from tests.web.test_queue import at_the_desk, hidden

STATES = {
    "57014": "QueryCanceled",
    "55P03": "LockNotAvailable",
    "40P01": "DeadlockDetected",
    "40001": "SerializationFailure",
    "25006": "ReadOnlySqlTransaction",
    "57P01": "AdminShutdown",
    "57P03": "CannotConnectNow",
    "53300": "TooManyConnections",
    "53100": "DiskFull",
    "58030": "IoError",
    "XX001": "DataCorrupted",
}
CODES = (
    "SQLITE_BUSY",
    "SQLITE_BUSY_SNAPSHOT",
    "SQLITE_LOCKED",
    "SQLITE_READONLY",
    "SQLITE_READONLY_DIRECTORY",
    "SQLITE_IOERR",
    "SQLITE_IOERR_READ",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
    "SQLITE_INTERRUPT",
)
BUGS_OF_POSTGRESQL = {"42P01": "UndefinedTable", "22001": "StringDataRightTruncation", "P0001": "RaiseException"}
BUGS_OF_SQLITE = ("SQLITE_ERROR", "SQLITE_MISUSE", "SQLITE_TOOBIG", "SQLITE_RANGE")

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FORM_PAGE = {"site": "paper", "url": PAGE, "name": "Hanako", "body": "Typed with care"}
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Accept-Language": "en"}


@contextmanager
def failing(fails: Callable[[Any], None], statements: str = "") -> Iterator[None]:
    """Every statement that contains this text fails on its connection."""

    def before(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statements in statement:
            fails(cursor)

    event.listen(db.engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", before)


def with_state(state: str) -> Callable[[Any], None]:
    """PostgreSQL itself raises the error, so that the driver's classes and the connection's state are real."""
    return lambda cursor: cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$")


def with_code(name: str) -> Callable[[Any], None]:
    def fails(_cursor: Any) -> None:
        raise sqlite_error(name)

    return fails


def sqlite_error(name: str) -> sqlite3.DatabaseError:
    trouble = sqlite3.DatabaseError("x")
    trouble.sqlite_errorcode, trouble.sqlite_errorname = getattr(sqlite3, name), name
    return trouble


def with_errno(number: int) -> Callable[[Any], None]:
    def fails(_cursor: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fails


def every_kind_of_route(app: Flask, client: FlaskClient) -> dict[str, Callable[[], Any]]:
    desk = at_the_desk(app)
    query = {"site": "paper", "url": PAGE}
    return {
        "fragment": lambda: client.get("/embed/thread", query_string=query),
        "page": lambda: client.get("/thread", query_string=query, headers=NAVIGATION),
        "counts": lambda: client.get("/embed/counts", query_string=query),
        "feed": lambda: client.get("/feeds/site/paper.atom"),
        "form": lambda: client.post("/embed/comments", data=FORM_PAGE),
        "plain form": lambda: client.post("/embed/comments", data=FORM_PAGE, headers=NAVIGATION),
        "API": lambda: client.get("/api/v1/threads", query_string=query),
        "API post": lambda: client.post("/api/v1/comments", json=FORM_PAGE),
        "desk": lambda: desk.get("/moderate/"),
        "decision log": lambda: desk.get("/moderate/log"),
    }


def answers_503(app: Flask, client: FlaskClient, db_session: Session, fails: Callable[[Any], None]) -> None:
    a_moderator(db_session, a_site(db_session))
    routes = every_kind_of_route(app, client)
    with failing(fails):
        answers = {name: ask() for name, ask in routes.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(routes, 503)
    assert all(answer.headers["Retry-After"] for answer in answers.values())
    assert {answers[name].content_type for name in ("API", "API post")} == {"application/problem+json"}
    assert "<html" not in answers["form"].text and 'role="alert"' in answers["form"].text
    assert "<h1>503</h1>" in answers["page"].text
    assert "Typed with care</textarea>" in answers["plain form"].text
    assert db_session.query(Comment).count() == 0
    db_session.commit()
    assert Reader(client).post("Typed with care").status_code == 201


@on_postgresql
@pytest.mark.parametrize("state", ["57014", "57P01", "25006"])
def test_a_postgresql_that_fails_for_now_answers_503_everywhere(
    app: Flask, client: FlaskClient, db_session: Session, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers_503(app, client, db_session, with_state(state))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"request"' in line]
    assert {line["fault"] for line in lines if line["status"] == 503} == {f"{state} {STATES[state]}"}


@on_postgresql
def test_a_connection_that_ends_in_place_of_an_answer_is_left(
    app: Flask, client: FlaskClient, db_session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a pooler ends it during a failover; seen once in ten failovers of `make cluster`."""
    a_site(db_session)
    db_session.commit()
    left = []
    event.listen(db.engine.pool, "invalidate", lambda *given: left.append(given))

    def cut_off(_cursor: Any) -> None:
        raise psycopg.InternalError("got no result from the query")

    with failing(cut_off, "INSERT INTO comment"):
        answer = Reader(client).post("Typed")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5") and len(left) == 1
    assert "connection InternalError" in capsys.readouterr().err
    assert Reader(client).post("Typed").status_code == 201


@on_postgresql
def test_each_postgresql_state_is_logged_by_name(
    app: Flask, client: FlaskClient, db_session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    a_site(db_session)
    for state, name in STATES.items():
        with failing(with_state(state), "INSERT INTO comment"):
            assert Reader(client).post("Typed").status_code == 503, state
        assert f"{state} {name}" in capsys.readouterr().err
    for state in BUGS_OF_POSTGRESQL:
        with failing(with_state(state), "INSERT INTO comment"):
            assert Reader(client).post("Typed").status_code == 500, state
    assert Reader(client).post("Typed").status_code == 201


@on_sqlite
@pytest.mark.parametrize("name", ["SQLITE_BUSY", "SQLITE_CORRUPT"])
def test_a_sqlite_that_fails_for_now_answers_503_everywhere(
    app: Flask, client: FlaskClient, db_session: Session, name: str
) -> None:
    answers_503(app, client, db_session, with_code(name))


@on_sqlite
def test_each_sqlite_code_is_logged_by_name(
    app: Flask, client: FlaskClient, db_session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    a_site(db_session)
    for name in CODES:
        with failing(with_code(name), "INSERT INTO comment"):
            assert Reader(client).post("Typed").status_code == 503, name
        assert f"{name}" in capsys.readouterr().err
    for name in BUGS_OF_SQLITE:
        with failing(with_code(name), "INSERT INTO comment"):
            assert Reader(client).post("Typed").status_code == 500, name
    assert Reader(client).post("Typed").status_code == 201


def test_a_machine_without_file_descriptors_answers_503_everywhere(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    answers_503(app, client, db_session, with_errno(errno.EMFILE))


@on_sqlite
@pytest.mark.parametrize("spoiled", ["damaged", "no database", "not readable"])
def test_a_file_that_cannot_be_read_answers_503(
    app: Flask, client: FlaskClient, db_session: Session, spoiled: str
) -> None:
    a_moderator(db_session, a_site(db_session))
    assert Reader(client).post("Typed").status_code == 201
    db.session.remove()
    db.engine.dispose()
    file = Path(str(db.engine.url.database))
    kept = file.read_bytes()
    for beside in ("-wal", "-shm"):
        file.with_name(file.name + beside).unlink(missing_ok=True)
    if spoiled == "not readable":
        file.unlink()
        file.mkdir()
    else:
        file.write_bytes(kept[:100] + b"\xff" * (len(kept) - 100) if spoiled == "damaged" else b"hello" * 1000)
    assert client.get("/thread", query_string={"site": "paper", "url": PAGE}).status_code == 503
    assert client.post("/embed/comments", data=FORM_PAGE).status_code == 503
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


def test_a_full_pool_and_a_lost_session_are_outages() -> None:
    assert outage(TimeoutError("QueuePool limit")) == "pool timeout"
    lost = InvalidRequestError("rolled back")
    assert outage(lost) == ""
    lost.__context__ = sqlite_error("SQLITE_FULL")
    assert outage(lost) == "SQLITE_FULL"
    assert outage(IntegrityError("x", None, sqlite_error("SQLITE_CONSTRAINT"))) == ""
    assert outage(FileNotFoundError(errno.ENOENT, "x")) == outage(ValueError("the database is locked")) == ""


@contextmanager
def away_from(statement: str) -> Iterator[None]:
    """The database fails from the first statement that begins like this."""
    gone = False

    def before(_connection: Any, _cursor: Any, asked: str, *_: Any) -> None:
        nonlocal gone
        gone = gone or asked.startswith(statement)
        if gone:
            raise OperationalError(asked, None, sqlite_error("SQLITE_IOERR"))

    event.listen(db.engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", before)


@on_sqlite
@pytest.mark.parametrize("statement", ["SELECT login", "UPDATE comment", "INSERT INTO decision", "UPDATE login"])
def test_a_moderator_stays_logged_in_when_the_database_goes_away(
    app: Flask, db_session: Session, statement: str
) -> None:
    a_moderator(db_session, a_site(db_session, hold_all=True))
    Reader(app.test_client()).post("One")
    comment = the_comment(db_session, "One")
    path, seen = f"/moderate/comments/{comment.id}/decisions", comment.version
    db_session.commit()
    desk = at_the_desk(app)
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    with away_from(statement):
        answer = desk.post(path, data={"status": "spam", "seen": seen, "csrf_token": token})
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (503, False)
    assert desk.get("/moderate/").status_code == 200


@on_postgresql
def test_a_connection_lost_after_the_response_is_made_changes_nothing(app: Flask, db_session: Session) -> None:
    a_moderator(db_session, a_site(db_session, hold_all=True))
    Reader(app.test_client()).post("One")
    comment = the_comment(db_session, "One")
    path = f"/moderate/comments/{comment.id}/decisions"
    db_session.commit()
    desk = at_the_desk(app)
    token = hidden(desk.get("/moderate/log"), "csrf_token")

    def lose_connection(response: Response) -> Response:
        assert db.session().in_transaction()
        db.session.connection().connection.dbapi_connection.pgconn.finish()  # type: ignore[union-attr]
        return response

    app.after_request_funcs[None].insert(0, lose_connection)
    assert desk.post(path, data={"status": "spam", "seen": 99, "csrf_token": token}).status_code == 409
    app.after_request_funcs[None].remove(lose_connection)
    assert desk.get("/moderate/").status_code == 200
