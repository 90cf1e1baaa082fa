"""Readers reply and moderators decide while processes are killed, the database hangs and others lock it.

Each response is checked at once; at the end all acknowledged writes are checked and all counters recomputed.
"""

import http.client
import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

import psycopg
import pytest
from bs4 import BeautifulSoup
from sqlalchemy import create_engine, text

from tests.cast import ORIGIN, PASSWORD, a_moderator, a_site
from tests.inside import database_of
from tests.services import Live, Postgres, restarted

READERS, MODERATORS = 4, 2
TORTURE_ROUNDS = int(os.environ.get("KAIWA_STORMS", "3"))
# Seconds: the length of a fault, and the time a slow machine may take to recover.
LASTS, PATIENCE = 2.0, 180
ALLOWED = {200, 201, 202, 303, 409, 503}


@dataclass
class Storm:
    """The acknowledged writes and the stop signal."""

    live: Live
    stop: threading.Event = field(default_factory=threading.Event)
    # Text of each comment that was acknowledged: its id, and that of the comment it replies to.
    written: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    decided: dict[int, str] = field(default_factory=dict)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def people(self) -> list[threading.Thread]:
        readers = [threading.Thread(target=self.reads_and_writes, args=(number,)) for number in range(READERS)]
        # Logged in before the faults: a log-in that gets no answer counts as a failed one.
        desks = [self.log_in(number) for number in range(MODERATORS)]
        return readers + [threading.Thread(target=self.decides, args=each) for each in enumerate(desks)]

    def done(self) -> tuple[int, int]:
        return len(self.written), len(self.decided)

    # Readers

    def reads_and_writes(self, number: int) -> None:
        """Post comments in sequence, every second one a reply; retry each until it is acknowledged."""
        said: list[int] = []
        for count in range(10**6):
            body, parent = f"reader {number} says {count}", said[-1] if said and count % 2 else None
            site = "held" if count % 3 == 2 else "paper"
            parent = parent if site == "paper" else None
            while (id := self.post(site, number, body, parent)) is None:
                if self.stop.wait(0.1):
                    return
            self.written[body] = (id, parent)
            if site == "paper":
                said.append(id)
            if self.stop.is_set():
                return

    def post(self, site: str, number: int, body: str, parent: int | None) -> int | None:
        fields = {"site": site, "url": f"{ORIGIN}/{site}", "name": f"Reader {number}", "email": f"r{number}@x.example"}
        fields |= {"body": body} | ({"parent": str(parent)} if parent else {})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": body}
        where = urlsplit(self.live.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
        try:
            connection.request("POST", "/embed/comments", urlencode(fields), headers)
            answer = connection.getresponse()
            shown = answer.read().decode()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        self.statuses[answer.status] += 1
        if answer.status == 503:
            self.expect(
                'role="alert"' in shown and bool(answer.headers["Retry-After"]), f"503 of {body}: {shown[:200]}"
            )
            return None
        self.expect(answer.status == (202 if site == "held" else 201), f"{answer.status} for {body}: {shown[:300]}")
        found = re.search(r'data-id="(\d+)"', shown)
        self.expect(bool(found) and body in shown, f"the answer to {body} shows something else: {shown[:300]}")
        return int(found[1]) if found else None

    # Moderators

    def log_in(self, number: int) -> Any:
        desk = build_opener(HTTPCookieProcessor(CookieJar()))
        token = token_in(self.open(desk, "/login"))
        fields = {"email": f"m{number}@moderators.example", "password": PASSWORD, "csrf_token": token}
        self.open(desk, "/login", fields)
        return desk

    def decides(self, number: int, desk: Any) -> None:
        seed = random.Random(number)
        while not self.stop.wait(0.1):
            with suppress(OSError, http.client.HTTPException):
                page = self.open(desk, "/moderate/")
                for card in BeautifulSoup(page, "html.parser").select("article[data-comment-id]")[:3]:
                    self.decide(desk, card, seed.choice(("approved", "rejected", "spam")))

    def decide(self, desk: Any, card: Any, status: str) -> None:
        id, seen = int(card["data-comment-id"]), card.select_one("input[name=seen]")["value"]
        fields = {"status": status, "seen": seen, "csrf_token": card.select_one("input[name=csrf_token]")["value"]}
        try:
            self.open(desk, f"/moderate/comments/{id}/decisions", fields)
        except HTTPError as no:
            self.expect(no.code in ALLOWED, f"{no.code} for a decision")
            return
        self.expect(id not in self.decided, f"comment {id} was decided twice from its first version")
        self.decided[id] = status

    def open(self, desk: Any, path: str, fields: dict[str, str] | None = None) -> str:
        data = urlencode(fields).encode() if fields else None
        try:
            request = Request(self.live.url + path, data, {"Origin": self.live.url})  # noqa: S310
            with desk.open(request, timeout=40) as answer:
                self.statuses[answer.status] += 1
                return str(answer.read().decode())
        except HTTPError as no:
            self.statuses[no.code] += 1
            raise

    def expect(self, right: bool, wrong: str) -> None:
        if not right:
            self.wrong.append(wrong)

    def goes_on(self) -> None:
        """Return after at least one more acknowledged post and decision."""
        before, until = self.done(), time.monotonic() + PATIENCE
        while any(now <= then for now, then in zip(self.done(), before, strict=True)):
            assert time.monotonic() < until, f"no client gets responses any more: {self.statuses} {self.wrong[:3]}"
            time.sleep(0.05)


def token_in(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]*)"', page)
    assert found
    return found[1]


# Faults


def kills(live: Live, what: str) -> None:
    with suppress(ProcessLookupError):
        os.kill(random.Random(0).choice(live.processes(what)), signal.SIGKILL)


def kills_a_process(live: Live, _url: str, _postgres: Postgres | None) -> None:
    for victim in live.processes("granian")[1:2]:
        os.kill(victim, signal.SIGKILL)


def kills_the_server(live: Live, _url: str, _postgres: Postgres | None) -> None:
    for victim in live.processes("granian")[:1]:
        os.kill(victim, signal.SIGKILL)


def kills_the_worker(live: Live, _url: str, _postgres: Postgres | None) -> None:
    kills(live, "flask worker")


def kills_the_supervisor(live: Live, _url: str, _postgres: Postgres | None) -> None:
    live.process.kill()
    live.process.wait()
    restarted(live)


def locks_the_database(_live: Live, url: str, _postgres: Postgres | None) -> None:
    """As another program would, such as a migration or a backup."""
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(LASTS)
            other.execute("ROLLBACK")
        other.close()
        return
    with psycopg.connect(url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE comment IN ACCESS EXCLUSIVE MODE")
        time.sleep(LASTS)


def makes_it_read_only(_live: Live, url: str, _postgres: Postgres | None) -> None:
    if url.startswith("sqlite"):
        return
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        time.sleep(LASTS)
        other.execute("SET default_transaction_read_only = off")
        other.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def stops_the_database(_live: Live, _url: str, postgres: Postgres | None) -> None:
    if postgres is None:
        return
    with stopped(postgres):
        time.sleep(LASTS + 2)


@contextmanager
def stopped(postgres: Postgres) -> Iterator[None]:
    """PostgreSQL's processes are stopped: the kernel accepts connections, and no process answers."""
    first = int((postgres.sockets / "data" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    every = [*map(int, children), first]
    for each in every:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in reversed(every):
            os.kill(each, signal.SIGCONT)


FAULTS = (
    kills_a_process,
    locks_the_database,
    kills_the_worker,
    stops_the_database,
    kills_the_server,
    makes_it_read_only,
    kills_the_supervisor,
)


Faults = tuple[Callable[[Live, str, Postgres | None], None], ...]
# For a short proof: each kind on one of the databases.
ON_SQLITE: Faults = (kills_a_process, locks_the_database, kills_the_supervisor)
ON_POSTGRESQL: Faults = (stops_the_database, makes_it_read_only)


def survives(live: Live, url: str, postgres: Postgres | None, faults: Faults) -> None:
    with database_of(live) as session:
        a_site(session)
        held = a_site(session, "held", hold_all=True)
        for number in range(MODERATORS):
            a_moderator(session, held, f"m{number}")
    storm = Storm(live)
    people = storm.people()
    for each in people:
        each.start()
    try:
        for fault in faults:
            storm.goes_on()
            fault(live, url, postgres)
        storm.goes_on()
    finally:
        storm.stop.set()
        for each in people:
            each.join()
    live.wait_ready()
    live.stop()
    assert storm.wrong == []
    assert set(storm.statuses) <= ALLOWED, storm.statuses
    counts_again(url, storm)
    written, decided = storm.done()
    print(f"{len(faults)} faults, {written} comments and {decided} decisions acknowledged, 0 lost, 0 doubled")
    print(f"answers {dict(storm.statuses)}")


def counts_again(url: str, storm: Storm) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT id, body, parent_id, thread_id, status, approved_descendants FROM comment ORDER BY id")
        ).all()
        assert len({row.body for row in rows}) == len(rows), "nothing is doubled"
        by_id = {row.id: row for row in rows}
        for body, (id, parent) in storm.written.items():
            assert (by_id[id].body, by_id[id].parent_id) == (body, parent), "each is what its author was told"
        made = Counter(connection.scalars(text("SELECT comment_id FROM decision WHERE moderator_id IS NOT NULL")))
        assert max(made.values(), default=0) <= 1, "no comment is decided twice"
        for id, status in storm.decided.items():
            assert by_id[id].status == status and made[id] == 1, "each decision is what its moderator was told"
        decisions = Counter(connection.scalars(text("SELECT comment_id FROM decision")))
        assert set(decisions) == set(by_id)
        approved = Counter(row.thread_id for row in rows if row.status == "approved")
        kept = {row.id: row.approved_count for row in connection.execute(text("SELECT id, approved_count FROM thread"))}
        assert kept == {id: approved[id] for id in kept}, "counters count again to the same"
        places = Counter({row.id: int(row.status == "approved") for row in rows})
        for row in reversed(rows):
            if row.parent_id:
                places[row.parent_id] += places[row.id]
        assert {row.id: row.approved_descendants for row in rows} == {row.id: places[row.id] for row in rows}
        if engine.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    engine.dispose()


@pytest.fixture
def server(request: pytest.FixtureRequest, database_url: str) -> Postgres | None:
    return None if database_url.startswith("sqlite") else request.getfixturevalue("postgres")


def storm_over(start_kaiwa: Callable[..., Live], url: str, server: Postgres | None, faults: Faults) -> None:
    live = start_kaiwa(url, workers=2, READ_TIMEOUT="2", POST_TIMEOUT="2", DESK_TIMEOUT="2")
    survives(live, url, server, faults)


@pytest.mark.torture
def test_each_fault_once_loses_and_doubles_nothing(
    start_kaiwa: Callable[..., Live], database_url: str, server: Postgres | None
) -> None:
    storm_over(start_kaiwa, database_url, server, ON_POSTGRESQL if server else ON_SQLITE)


@pytest.mark.torture
def test_a_storm_of_faults_loses_and_doubles_nothing(
    start_kaiwa: Callable[..., Live], database_url: str, server: Postgres | None
) -> None:
    storm_over(start_kaiwa, database_url, server, FAULTS * TORTURE_ROUNDS)
