"""Acknowledged comments are stored exactly once, whichever process is killed during the write."""

import http.client
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import pytest
from sqlalchemy import create_engine, text

from tests.cast import PAGE, a_site
from tests.inside import database_of
from tests.services import Live

WRITERS = 8
KILLS = 2
TORTURE_KILLS = int(os.environ.get("KAIWA_KILLS", "200"))
# Seconds that a machine may take to restart a process.
PATIENCE = 30


class Writer(threading.Thread):
    """A client that posts comments in sequence and retries each until it is acknowledged."""

    def __init__(self, live: Live, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.address = urlsplit(live.url)
        self.number, self.stop = number, stop
        self.acknowledged: list[str] = []
        self.refused: Counter[int] = Counter()

    def run(self) -> None:
        while not self.stop.is_set():
            body = f"writer {self.number} comment {len(self.acknowledged)}"
            while not self.post(body):
                if self.stop.wait(0.05):
                    return
            self.acknowledged.append(body)

    def post(self, body: str) -> bool:
        who = {"name": f"Writer {self.number}", "email": "w@readers.example"}
        fields = {"site": "paper", "url": PAGE, "body": body} | who
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": body}
        connection = http.client.HTTPConnection(self.address.hostname or "", self.address.port, timeout=20)
        try:
            connection.request("POST", "/embed/comments", urlencode(fields), headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False  # killed in the middle: the outcome is unknown, so retry
        finally:
            connection.close()
        if status != 201:
            self.refused[status] += 1
        return status == 201


def kill_again_and_again(live: Live, kills: int, writers: list[Writer]) -> int:
    """Kill web workers, sometimes the whole web server or the worker; return the number of kills."""
    done, seed = 0, random.Random(1)
    while done < kills:
        await_writing(writers)
        time.sleep(seed.uniform(0.2, 0.9))
        web = live.processes("granian")
        victims = web[:1] if done % 10 == 7 else web[1:]
        if done % 10 == 2:
            victims = live.processes("flask worker")
        if victims:
            with suppress(ProcessLookupError):
                os.kill(seed.choice(victims), signal.SIGKILL)
                done += 1
    return done


def await_writing(writers: list[Writer]) -> None:
    """Wait for an acknowledged comment: otherwise a slow machine would only kill starting servers."""
    before, until = sum(len(writer.acknowledged) for writer in writers), time.monotonic() + PATIENCE
    while sum(len(writer.acknowledged) for writer in writers) == before:
        assert time.monotonic() < until, "no comment was acknowledged"
        time.sleep(0.02)


def survives(live: Live, database_url: str, kills: int) -> None:
    with database_of(live) as session:
        a_site(session)
    stop = threading.Event()
    writers = [Writer(live, number, stop) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    assert kill_again_and_again(live, kills, writers) == kills
    live.wait_ready()
    await_writing(writers)
    stop.set()
    for writer in writers:
        writer.join()
    acknowledged = [body for writer in writers for body in writer.acknowledged]
    assert len(acknowledged) > kills, "clients were writing all the time"
    assert not sum((writer.refused for writer in writers), Counter()) - Counter({503: 10**9}), "503 or success"
    live.stop()
    check(database_url, acknowledged)
    print(f"{kills} kills, {len(acknowledged)} acknowledged, 0 lost, 0 doubled")


def check(database_url: str, acknowledged: list[str]) -> None:
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        stored = Counter(connection.scalars(text("SELECT body FROM comment")))
        assert set(acknowledged) <= set(stored), "nothing is lost"
        assert max(stored.values()) == 1, "nothing is doubled"
        decisions = Counter(connection.scalars(text("SELECT comment_id FROM decision")))
        assert set(decisions.values()) == {1} and len(decisions) == len(stored)
        counted = connection.scalar(text("SELECT approved_count FROM thread"))
        assert (
            counted
            == len(stored)
            == connection.scalar(text("SELECT count(*) FROM comment WHERE approved_descendants = 1"))
        )
        if engine.dialect.name == "sqlite":
            assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    engine.dispose()


def test_kills_lose_and_double_nothing(start_kaiwa: Callable[..., Live], database_url: str) -> None:
    survives(start_kaiwa(database_url, workers=2), database_url, KILLS)


@pytest.mark.torture
def test_hundreds_of_kills_lose_and_double_nothing(start_kaiwa: Callable[..., Live], database_url: str) -> None:
    survives(start_kaiwa(database_url, workers=2), database_url, TORTURE_KILLS)
