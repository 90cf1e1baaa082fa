"""A move of 100,000 rows that is killed again and again, while readers write."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, select

from app.models import Comment
from app.operations.move_rows import moved_tables
from bench import fill
from tests.cast import a_moderator, a_site
from tests.durability.test_kill import Writer
from tests.inside import application_of, database_of
from tests.services import ROOT, Live, Postgres, tail

SHAPE = fill.Shape(threads=450, comments=100)
KILLS, LEAST_KILLS, WRITERS = 12, 2, 2
# Seconds after the command has loaded its modules, which takes much longer on a busy machine.
MOMENTS = 0, 3


@pytest.mark.torture
def test_kills_lose_and_double_nothing(start_kaiwa: Callable[..., Live], postgres: Postgres) -> None:
    live, there = start_kaiwa(), postgres.create("kaiwa_moved_while_killed")
    with database_of(live) as session:
        moderator = a_moderator(session, a_site(session)).id
    with application_of(live) as app:
        fill.site(app)
        fill.fill(app, SHAPE, 0)
        fill.work_at_the_desk(app, moderator)
    stop = threading.Event()
    writers = [Writer(live, number, stop) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        kills = _moved_under_fire(live, there)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert kills >= LEAST_KILLS
    acknowledged = [body for writer in writers for body in writer.acknowledged]
    assert len(acknowledged) > KILLS and all(writer.refused[503] for writer in writers)

    engine = create_engine(there)
    with engine.connect() as connection:
        stored = connection.scalars(select(Comment.body).where(Comment.body.like("writer %"))).all()
        rows = sum(each.count(connection) for each in moved_tables())
    engine.dispose()
    assert sorted(stored) == sorted(acknowledged)
    assert rows > 100_000
    assert json.loads(live.flask("upkeep", "move-to", there, "--check", "--json"))["ok"]


def _moved_under_fire(live: Live, there: str) -> int:
    kills, seed, loading = 0, random.Random(1), -time.monotonic()
    live.flask("upkeep", "move-to", "--help")
    loading += time.monotonic()
    while True:
        command = [sys.executable, "-m", "flask", "upkeep", "move-to", there, "--json"]
        with live.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=live.environment, stdout=log, stderr=log)
        try:
            code = process.wait(loading + seed.uniform(*MOMENTS) if kills < KILLS else None)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            assert code == 0, tail(live.log)
            return kills
