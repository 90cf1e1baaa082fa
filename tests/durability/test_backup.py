"""A backup taken under load contains every acknowledged comment and can be restored."""

import json
import os
import re
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, text

from tests.cast import a_site
from tests.durability.test_kill import WRITERS, Writer
from tests.inside import application_of, database_of, run_command
from tests.services import Live, Postgres

BACKUPS = 50


class Writing:
    """Eight clients that post until the block ends."""

    def __init__(self, live: Live) -> None:
        self.stop = threading.Event()
        self.writers = [Writer(live, number, self.stop) for number in range(WRITERS)]

    def __enter__(self) -> "Writing":
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop.set()
        for writer in self.writers:
            writer.join()

    def acknowledged(self) -> set[str]:
        return {body for writer in self.writers for body in list(writer.acknowledged)}

    def wait_for(self, count: int) -> None:
        end = time.monotonic() + 60
        while len(self.acknowledged()) < count:
            assert time.monotonic() < end, "no client writes"
            time.sleep(0.02)


def open_for_all(live: Live) -> None:
    with database_of(live) as session:
        a_site(session)


def bodies(url: str) -> list[str]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        found = list(connection.scalars(text("SELECT body FROM comment")))
    engine.dispose()
    return found


def on(live: Live, url: str) -> Live:
    """The same installation with another database."""
    return replace(live, environment=live.environment | {"DATABASE_URL": url})


def backs_up_under_load(live: Live, folder: Path, times: int) -> None:
    with Writing(live) as people:
        for number in range(times):
            people.wait_for(number * 5 + 20)
            before, file = people.acknowledged(), folder / f"{number}.sqlite3"
            told = json.loads(run_command(live, "upkeep", "backup", str(file), "--json"))
            found = json.loads(run_command(live, "upkeep", "restore-check", str(file), "--json"))
            assert told["sha256"] == found["sha256"] and found["current"]
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            kept = bodies(f"sqlite:///{file}")
            assert before <= set(kept), "all that was acknowledged before it began"
            assert len(kept) == len(set(kept)) == found["counts"]["comment"]
            if number > 1:
                file.unlink()
        written = len(people.acknowledged())
        assert written > len(before), "clients posted during the backup"
    print(f"{times} backups while {written} comments were written: all whole, 0 acknowledged lost")


@pytest.mark.torture
def test_a_backup_under_load_is_whole_and_comes_back(
    start_kaiwa: Callable[..., Live], sqlite_url: str, tmp_path: Path
) -> None:
    live = start_kaiwa(sqlite_url, workers=2)
    open_for_all(live)
    backs_up_under_load(live, tmp_path, 3)
    live.stop()
    restored = on(live, f"sqlite:///{tmp_path / '1.sqlite3'}")
    before = bodies(restored.environment["DATABASE_URL"])
    page = run_command(restored, "export", "--site", "paper", "--format", "csv")
    assert before and all(body in page for body in before)
    with application_of(restored) as app:
        assert app.test_client().get("/readyz").status_code == 200


@pytest.mark.torture
def test_fifty_backups_under_load_are_whole(start_kaiwa: Callable[..., Live], sqlite_url: str, tmp_path: Path) -> None:
    live = start_kaiwa(sqlite_url, workers=2)
    open_for_all(live)
    backs_up_under_load(live, tmp_path, BACKUPS)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_invalid_backup_is_reported(app: Flask, tmp_path: Path) -> None:
    def fails(command: str, file: Path) -> str:
        done = app.test_cli_runner().invoke(args=["upkeep", command, str(file)])
        assert done.exit_code == 1
        return done.output

    file = tmp_path / "one.sqlite3"
    assert app.test_cli_runner().invoke(args=["upkeep", "backup", str(file)]).exit_code == 0
    whole = file.read_bytes()
    assert "already exists" in fails("backup", file)
    assert file.read_bytes() == whole
    assert "Could not write" in fails("backup", tmp_path / "no" / "file")
    middle = len(whole) // 2 // 4096 * 4096
    for spoiled in (whole[:middle], whole[:middle] + os.urandom(4096) + whole[middle + 4096 :], b"", b"hello"):
        file.write_bytes(spoiled)
        assert re.search(r"damaged|not a Kaiwa backup", fails("restore-check", file))
    assert "does not exist" in fails("restore-check", tmp_path / "nothing")


def test_postgresql_goes_into_a_dump_and_comes_back(
    start_kaiwa: Callable[..., Live], postgres: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    """The commands of docs/backup.md."""
    live = start_kaiwa(postgres_url, workers=2, PG_BIN=str(postgres.binaries))
    open_for_all(live)
    dump = tmp_path / "kaiwa.dump"
    with Writing(live) as people:
        people.wait_for(20)
        before = people.acknowledged()
        run_command(live, "upkeep", "backup", str(dump))
    empty = postgres.create("kaiwa_restored")
    run(postgres, "pg_restore", "--exit-on-error", "--no-owner", f"--dbname={empty.replace('+psycopg', '')}", str(dump))
    kept = bodies(empty)
    assert before <= set(kept) and len(kept) == len(set(kept))
    run_command(on(live, empty), "db", "upgrade")
    assert run_command(on(live, empty), "export", "--site", "paper").count('"comment"') >= len(kept)
    postgres.drop("kaiwa_restored")


def run(postgres: Postgres, program: str, *words: str) -> None:
    done = subprocess.run([postgres.program(program), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
