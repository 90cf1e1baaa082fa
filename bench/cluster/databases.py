"""Three machines with etcd, Patroni and PostgreSQL, and their state."""

import json
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from bench.cluster.layout import Layout
from bench.cluster.programs import NotHealthy, Program, below, kill_all
from tests.services import tail

NUMBERS = (1, 2, 3)
SUPERUSER, REPLICATION, KAIWA = "superuser-secret", "replication-secret", "kaiwa-secret"
HEALTHY_S, QUERY_S = 300.0, 120.0


class Databases:
    """The three machines; `etcd` and `patroni` by number."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.etcd = {number: self._etcd(number) for number in NUMBERS}
        self.patroni = {number: self._patroni(number) for number in NUMBERS}

    def start(self) -> None:
        for each in self.etcd.values():
            each.start()
        for each in self.etcd.values():
            each.wait_until(lambda: self.etcd_leader() != 0)
        for number in NUMBERS:
            self.patroni[number].start()
            # The first one creates the cluster.
            if number == 1:
                self.patroni[1].wait_until(lambda: self.primary() == 1)
        self.wait_healthy()
        self._create()

    def stop(self) -> None:
        for each in (*self.patroni.values(), *self.etcd.values()):
            each.stop()
        for number in NUMBERS:
            kill_all(self._postgres(number))

    # State

    def primary(self) -> int:
        """Number of the primary; 0 without one."""
        return next((number for number, role, _state in self._members() if role in ("leader", "master")), 0)

    def is_healthy(self) -> bool:
        """One primary, and two standbys that stream, one of them synchronous."""
        members = self._members()
        streaming = all(state in ("running", "streaming") for _number, _role, state in members)
        roles = sorted(role for _number, role, _state in members)
        return streaming and roles == ["leader", "replica", "sync_standby"] and self._standbys() == 2

    def wait_healthy(self) -> None:
        until = time.monotonic() + HEALTHY_S
        while not self.is_healthy():
            if time.monotonic() > until:
                logs = "\n".join(tail(each.log, 15) for each in self.patroni.values())
                raise NotHealthy(f"not healthy again: {self._members()}\n{logs}")
            time.sleep(0.5)

    def etcd_leader(self) -> int:
        """Number of etcd's leader; 0 without one."""
        for number in NUMBERS:
            url = f"http://{self.layout.address(number)}:2379/v3/maintenance/status"
            found = _asked(url, b"{}")
            if found and found.get("leader") == found["header"]["member_id"]:
                return number
        return 0

    def query(self, statement: str, number: int = 0, database: str = "kaiwa") -> list[Any]:
        """Rows of the primary, or of the server with this number; a busy machine may need some tries."""
        until = time.monotonic() + QUERY_S
        while True:
            try:
                with self._connected(number or self.primary(), database) as connection:
                    return connection.execute(statement.encode()).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(1)

    # Faults

    def kill_machine(self, number: int) -> None:
        """PostgreSQL and Patroni at once; etcd of the same machine stays, because it has a fault of its own."""
        patroni = self.patroni[number].tree()
        kill_all([*patroni, *self._postgres(number)])
        self.patroni[number].kill()

    def _postgres(self, number: int) -> list[int]:
        with suppress(OSError, ValueError, IndexError):
            leader = int((self._data(number) / "postmaster.pid").read_text().split()[0])
            if b"postgres" in Path(f"/proc/{leader}/cmdline").read_bytes():
                return [leader, *below(leader)]
        return []

    # Set-up

    def _members(self) -> list[tuple[int, str, str]]:
        for number in NUMBERS:
            found = _asked(f"http://{self.layout.address(number)}:8008/cluster")
            if found:
                return [(int(each["name"][-1]), each["role"], each["state"]) for each in found["members"]]
        return []

    def _standbys(self) -> int:
        streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        return int(self.query(streams, database="postgres")[0][0])

    def _connected(self, number: int, database: str) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host=self.layout.address(number), port=5432, user="postgres", password=SUPERUSER, dbname=database,
            autocommit=True, connect_timeout=20,
        )  # fmt: skip

    def _create(self) -> None:
        with self._connected(self.primary(), "postgres") as connection:
            connection.execute(f"CREATE ROLE kaiwa LOGIN PASSWORD '{KAIWA}'".encode())
            connection.execute(b"CREATE DATABASE kaiwa OWNER kaiwa")

    def _data(self, number: int) -> Path:
        return self.layout.folder / f"db{number}" / "data"

    def _etcd(self, number: int) -> Program:
        folder = self.layout.machine(f"db{number}")
        text = self.layout.of_machine("etcd.env", number, {"/var/lib/etcd/kaiwa": str(folder / "etcd")})
        given = dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return Program(f"etcd {number}", ["etcd"], folder / "etcd.log", self.layout.environment | given)

    def _patroni(self, number: int) -> Program:
        folder = self.layout.machine(f"db{number}")
        text = self.layout.of_machine("patroni.yml", number, {
            "/var/lib/postgresql/15/kaiwa": str(self._data(number)),
            "/usr/lib/postgresql/15/bin": str(binaries()),
            "/var/run/postgresql": str(folder),
            "10.0.0.0/24": "127.0.0.0/8",
            "SUPERUSER_PASSWORD": SUPERUSER,
            "REPLICATION_PASSWORD": REPLICATION,
        })  # fmt: skip
        config = folder / "patroni.yml"
        # Its passwords for pg_basebackup and pg_rewind.
        config.write_text(text.replace("postgresql:\n  listen", f"postgresql:\n  pgpass: {folder}/pgpass\n  listen"))
        return Program(f"patroni {number}", ["patroni", str(config)], folder / "patroni.log", self.layout.environment)


def binaries() -> Path:
    """Debian's newest PostgreSQL."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not found:
        raise NotHealthy("PostgreSQL is missing: sudo apt install postgresql")
    return found[-1]


def _asked(url: str, body: bytes | None = None) -> dict[str, Any]:
    """The JSON of a status page; empty if it does not answer."""
    with suppress(OSError, ValueError), urllib.request.urlopen(url, body, timeout=3) as answer:  # noqa: S310
        return dict(json.loads(answer.read()))
    return {}
