"""Two machines are upgraded one after the other, over one migration and under load, without a failed request."""

import http.client
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from sqlalchemy import create_engine, text

from tests.cast import ORIGIN, a_site
from tests.inside import database_of
from tests.services import ROOT, Live, _clean_environment, _stop, free_port, wait_until

CLIENTS = 3
# Acknowledged comments before the next step.
BEFORE_THE_NEXT, PATIENCE_S = 15, 120
COPIED = ("app", "templates", "migrations", "config.py", "scripts", "pyproject.toml", "demo")
# The release after this one: a column that it writes, and a table.
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0999_mood"
down_revision = {before!r}


def upgrade():
    op.add_column("comment", sa.Column("mood", sa.String(length=8), nullable=True))
    op.create_table("novelty", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("novelty")
    op.drop_column("comment", "mood")
"""
COLUMN = '    mood: Mapped[str | None] = mapped_column(String(8), default="new")\n'
NEXT_TO = '    name: Mapped[str] = mapped_column(String(400), default="")\n'


def the_next_release(folder: Path) -> Path:
    """A copy of the program with one more migration, and a record that has its column."""
    folder.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    versions = folder / "migrations" / "versions"
    before = max(file.stem for file in versions.glob("[0-9]*.py"))
    (versions / "0999_mood.py").write_text(MIGRATION.format(before=before))
    record = folder / "app" / "models" / "comment.py"
    source = record.read_text()
    assert source.count(NEXT_TO) == 1
    record.write_text(source.replace(NEXT_TO, NEXT_TO + COLUMN))
    return folder


class Balancer:
    """Sends each request to the next machine in `rota`; a machine is stopped only after its requests have ended."""

    def __init__(self) -> None:
        self.rota: list[str] = []
        self._lock, self._inside, self._turn = threading.Condition(), Counter[str](), 0

    @contextmanager
    def machine(self) -> Iterator[str]:
        with self._lock:
            self._turn += 1
            url = self.rota[self._turn % len(self.rota)]
            self._inside[url] += 1
        try:
            yield url
        finally:
            with self._lock:
                self._inside[url] -= 1
                self._lock.notify_all()

    def take_out(self, url: str) -> None:
        with self._lock:
            self.rota.remove(url)
            assert self._lock.wait_for(lambda: not self._inside[url], PATIENCE_S)


class Client(threading.Thread):
    """Posts and reads in turns; keeps each answer."""

    def __init__(self, balancer: Balancer, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.balancer, self.number, self.stop = balancer, number, stop
        self.answers: Counter[tuple[str, int]] = Counter()
        self.written: list[str] = []

    def run(self) -> None:
        page = urlencode({"site": "paper", "url": f"{ORIGIN}/{self.number}"})
        while not self.stop.wait(0.05):
            body = f"client {self.number} says {len(self.written)}"
            form = urlencode({"body": body, "name": "Reader", "email": f"r{self.number}@readers.example"})
            if self.ask("POST", "/embed/comments", f"{page}&{form}") == 201:
                self.written.append(body)
            self.ask("GET", f"/embed/thread?{page}&{len(self.written)}=")

    def ask(self, method: str, path: str, body: str = "") -> int:
        status = 0
        with self.balancer.machine() as url, suppress(OSError, http.client.HTTPException):
            where = urlsplit(url)
            connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=40)
            connection.request(method, path, body or None, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            connection.close()
        self.answers[method, status] += 1
        return status


class Machines:
    """Programs of both releases on one database."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, program: Path, port: int) -> dict[str, str]:
        home = self.folder / f"home-{port}"
        return _clean_environment() | {
            "DATABASE_URL": self.url, "SECRET_KEY": "k" * 64, "HOST": "127.0.0.1", "PORT": str(port), "WORKERS": "1",
            "PUBLIC_URL": "http://127.0.0.1", "KAIWA_HOME": str(home), "PYTHONPATH": str(program),
            "FLASK_APP": "app",
        }  # fmt: skip

    def start(self, program: Path) -> str:
        port = free_port()
        log = self.folder / f"{port}.log"
        with log.open("wb") as out:
            command, given = [sys.executable, "-m", "flask", "serve"], self.environment(program, port)
            process = subprocess.Popen(command, stdout=out, stderr=out, cwd=program, env=given)
        url = f"http://127.0.0.1:{port}"
        self.running[url] = process
        live = Live(url, "", log, given, process)
        wait_until(live.is_ready, url, log, process)
        return url

    def migrate(self, program: Path) -> None:
        command = [sys.executable, "-m", "flask", "db", "upgrade"]
        done = subprocess.run(command, cwd=program, env=self.environment(program, 1), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def stop(self, url: str) -> None:
        _stop(self.running.pop(url), patience=60)


@pytest.mark.torture
def test_two_machines_are_upgraded_one_after_the_other_without_a_failed_request(
    database_url: str, tmp_path: Path
) -> None:
    machines, balancer, stop = Machines(tmp_path, database_url), Balancer(), threading.Event()
    new = the_next_release(tmp_path / "next")
    environment = machines.environment(ROOT, 1)
    with database_of(Live("", "", tmp_path / "log", environment, None)) as session:  # type: ignore[arg-type]
        a_site(session)
    clients = [Client(balancer, number, stop) for number in range(CLIENTS)]
    try:
        first, second = machines.start(ROOT), machines.start(ROOT)
        balancer.rota = [first, second]
        for each in clients:
            each.start()
        goes_on(clients)
        machines.migrate(new)
        goes_on(clients)
        for old in (first, second):
            balancer.take_out(old)
            machines.stop(old)
            if old == first:
                # A machine of the version before restarts in between, as systemd would.
                machines.migrate(ROOT)
            balancer.rota.append(machines.start(new))
            goes_on(clients)
        # Both releases were at work; now back to the version before, without touching the tables.
        balancer.rota.append(machines.start(ROOT))
        goes_on(clients)
    finally:
        stop.set()
        for each in clients:
            if each.is_alive():
                each.join()
        for url in list(machines.running):
            machines.stop(url)
    answers = sum((each.answers for each in clients), Counter())
    assert set(answers) == {("POST", 201), ("GET", 200)}, answers
    written = [body for each in clients for body in each.written]
    moods = stored(database_url, written)
    assert moods["new"] and moods[None], "both releases have written"
    print(f"{sum(answers.values())} requests, none failed; comments by release: {dict(moods)}")


def goes_on(clients: list[Client]) -> None:
    """Return after some more acknowledged comments."""
    wanted, until = sum(len(each.written) for each in clients) + BEFORE_THE_NEXT, time.monotonic() + PATIENCE_S
    while sum(len(each.written) for each in clients) < wanted:
        assert time.monotonic() < until, [each.answers for each in clients]
        time.sleep(0.05)


def stored(url: str, written: list[str]) -> Counter[str | None]:
    """The moods of all comments, each of which is there once."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT body, mood FROM comment")).all()
    engine.dispose()
    assert sorted(row.body for row in rows) == sorted(written)
    return Counter(row.mood for row in rows)
