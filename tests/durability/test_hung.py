"""A database that hangs: cached pages, files and liveness are served, others get 503 in time, no comment is lost."""

import asyncio
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import create_app
from app.extensions import db
from app.lib import deadline
from app.models import Comment, Decision
from app.server import rsgi
from tests.cast import PAGE, a_site
from tests.durability.test_storm import stopped
from tests.rsgi import RsgiRequest, RsgiResponse, alone
from tests.services import Postgres

# Seconds. The tests expect responses within a multiple of them, as the machine may be busy.
DEADLINE, PATIENCE = 2, 25
OTHER = "https://paper.example/other"
FORM = {"site": "paper", "url": PAGE, "name": "Hanako", "email": "h@readers.example", "body": "Typed"}

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    timeouts = dict.fromkeys(("READ_TIMEOUT", "POST_TIMEOUT", "DESK_TIMEOUT"), str(DEADLINE))
    return settings | timeouts | {"WORKERS": "1"}


@pytest.fixture(autouse=True)
def _the_tests_own_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rsgi, "_collect_garbage_less_often", lambda: None)


class Posted(RsgiResponse):
    """A request with a body, as the web server passes it."""

    def __init__(self, body: str = "") -> None:
        super().__init__()
        self.parts = [body.encode()] if body else []

    async def __aiter__(self) -> Any:
        for part in self.parts:
            yield part


class People:
    def __init__(self, app: Flask) -> None:
        self.server = rsgi.served(app)

    async def reads(self, path: str, url: str = PAGE) -> int:
        told = RsgiResponse()
        await self.server.__rsgi__(RsgiRequest(path, urlencode({"site": "paper", "url": url}), {}), told)  # type: ignore[arg-type]
        return told.status

    async def posts(self, key: str, **more: str) -> int:
        body = urlencode(FORM | more)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "content-length": str(len(body)),
            "idempotency-key": key,
        }
        told = Posted(body)
        await self.server.__rsgi__(RsgiRequest("/embed/comments", "", headers, method="POST"), told)  # type: ignore[arg-type]
        return told.status

    async def ready(self) -> None:
        for path in ("/embed/thread", "/embed.js"):
            assert await self.reads(path) == 200

    def idle(self) -> bool:
        return not any(each.inside for each in self.server.pools.values())


async def within(seconds: float, *asked: Any) -> list[int]:
    return await asyncio.wait_for(asyncio.gather(*asked), seconds)


@contextmanager
def locked(database_url: str) -> Iterator[None]:
    """Another program locks all tables that readers and posts need."""
    if database_url.startswith("sqlite"):
        other = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    with psycopg.connect(database_url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE comment, thread, site IN ACCESS EXCLUSIVE MODE")
        yield


def survives(app: Flask, db_session: Session, hung: Callable[[], Any]) -> None:
    a_site(db_session)
    people = People(app)

    async def run() -> None:
        await people.ready()
        with hung():
            now = [people.reads(path) for path in ("/healthz", "/embed.js", "/thread.css", "/embed/thread")]
            assert await within(PATIENCE, *now) == [200] * 4
            # None of these is cached; they occupy the threads, and some are queued.
            slow = [asyncio.ensure_future(people.reads("/thread", f"{OTHER}/{number}")) for number in range(6)]
            slow += [asyncio.ensure_future(people.posts(f"key {number}")) for number in range(6)]
            slow += [asyncio.ensure_future(people.reads(path)) for path in ("/moderate/", "/readyz")]
            await asyncio.sleep(DEADLINE / 2)
            for _ in range(3):
                still = [people.reads(path) for path in ("/healthz", "/embed.js", "/embed/thread")]
                assert await within(PATIENCE, *still) == [200] * 3
            assert set((await within(2 * PATIENCE, *slow))[:-2]) == {503}
        until = monotonic() + 60
        while not people.idle():
            assert monotonic() < until, "threads hang although the database answers"
            await asyncio.sleep(0.05)
        while await people.reads("/readyz") != 200:
            assert monotonic() < until
        # The browser retries with the same key.
        assert {await people.posts("key 1"), await people.posts("key 1")} <= {200, 201}
        assert await people.reads("/thread", OTHER) == 200

    alone(run())
    assert db_session.query(Comment).count() == db_session.query(Decision).count() == 1


@on_postgresql
def test_tables_that_are_locked_hold_up_only_what_needs_them(
    app: Flask, db_session: Session, database_url: str
) -> None:
    survives(app, db_session, lambda: locked(database_url))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    assert db_session.connection().exec_driver_sql(waiting).scalar_one() == 0, "no statement is left behind"


@on_postgresql
def test_a_server_that_stops_answering_holds_up_only_what_needs_it(
    app: Flask, db_session: Session, postgres: Postgres
) -> None:
    survives(app, db_session, lambda: stopped(postgres))


@on_sqlite
def test_a_server_that_accepts_and_never_speaks_is_given_up(settings: dict[str, str], tmp_path: Path) -> None:
    """As after a restart of Kaiwa while the database hangs: no connection exists yet."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://kaiwa@127.0.0.1:{silent.getsockname()[1]}/kaiwa"
        app = create_app(settings | {"DATABASE_URL": url}, tmp_path)
        people = People(app)

        async def run() -> list[int]:
            return await within(2 * PATIENCE, people.reads("/thread"), people.posts("key"), people.reads("/embed.js"))

        assert alone(run()) == [503, 503, 200]


@on_sqlite
def test_requests_for_a_locked_file_wait_one_deadline(app: Flask, db_session: Session, database_url: str) -> None:
    """One deadline, counted from arrival, for the running request and for queued ones."""
    a_site(db_session)
    people = People(app)

    async def run() -> None:
        await people.ready()
        with locked(database_url):
            # In sequence they would wait for sixteen deadlines.
            answers = await within(PATIENCE, *(people.posts(f"key {number}") for number in range(16)))
            assert set(answers) == {503}
            assert await people.reads("/thread", OTHER) == 200, "readers notice nothing"
        assert await people.posts("key 1") == 201

    alone(run())
    assert db_session.query(Comment).count() == 1


@on_sqlite
def test_a_statement_that_takes_too_long_is_ended(app: Flask, db_session: Session) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

    @app.get("/thread/endless")
    def endlessly() -> str:
        return str(db.session.connection().exec_driver_sql(endless).scalar())

    people = People(app)
    assert alone(within(PATIENCE, people.reads("/thread/endless"))) == [503]


@on_postgresql
def test_a_worker_gives_up_one_statement_and_goes_on(app: Flask, db_session: Session) -> None:
    with deadline.for_each_statement(1):
        with pytest.raises(OperationalError, match="deadline"):
            db.session.connection().exec_driver_sql("SELECT pg_sleep(20)")
        db.session.rollback()
        assert db.session.connection().exec_driver_sql("SELECT 1").scalar() == 1
        db.session.rollback()
    assert db.session.connection().exec_driver_sql("SELECT pg_sleep(1.2), 1").one()[1] == 1
