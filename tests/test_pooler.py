"""PostgreSQL behind pgbouncer in transaction mode, and as one of several servers."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import downgrade, upgrade
from sqlalchemy.orm import Session

from app import create_app
from app.database import snapshot
from app.extensions import db
from app.models import Comment, Status
from tests.cast import Reader, a_moderator, a_site, move, the_comment
from tests.services import NOBODY, Postgres, free_port, wait_until

POSTS, AT_ONCE = 60, 6


@contextmanager
def running_pgbouncer(folder: Path, postgres: Postgres) -> Iterator[int]:
    """Debian's pgbouncer with fewer server connections than clients; yield its port."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    assert program, "pgbouncer is missing: sudo apt install pgbouncer (make test does it where it may)"
    port, log = free_port(), folder / "pgbouncer.log"
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={postgres.sockets} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n"
    )
    # It refuses to run as root, and another user cannot enter pytest's folder: it gets the configuration as its input.
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if Path("/proc/self").stat().st_uid == 0 else {}
    with (folder / "pgbouncer.ini").open("rb") as given, log.open("wb") as out:
        process = subprocess.Popen([program, "/dev/stdin"], stdin=given, stdout=out, stderr=out, cwd="/", **who)
    try:
        wait_until(lambda: _listens(port), "pgbouncer", log, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def database_url(postgres: Postgres, postgres_url: str, tmp_path: Path) -> Iterator[str]:
    with running_pgbouncer(tmp_path, postgres) as port:
        yield f"postgresql://postgres@127.0.0.1:{port}/{_name(postgres_url)}"


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def test_posts_decisions_and_reads_go_through_a_pooler(app: Flask, client: FlaskClient, db_session: Session) -> None:
    site = a_site(db_session)
    alice = a_moderator(db_session, site)

    def post(number: int) -> int:
        reader = Reader(app.test_client(), f"R {number}", f"r{number}@readers.example")
        said = reader.post(f"comment {number}").status_code
        return said if reader.get_thread().status_code == 200 else 0

    with ThreadPoolExecutor(AT_ONCE) as threads:
        assert list(threads.map(post, range(POSTS))) == [201] * POSTS
    for number in range(12):
        move(db_session, the_comment(db_session, f"comment {number}"), Status.SPAM, alice)
    for _ in range(8):
        with snapshot():
            assert db_session.query(Comment).filter_by(status=Status.APPROVED).count() == POSTS - 12
    assert client.get("/readyz").status_code == 200


def test_an_upgrade_goes_through_a_pooler(app: Flask, db_session: Session) -> None:
    db_session.rollback()
    downgrade(revision="base")
    upgrade()
    a_site(db_session)


def test_a_direct_connection_prepares_its_statements(postgres_url: str, settings: dict[str, str]) -> None:
    direct = create_app(settings | {"DATABASE_URL": postgres_url})
    with direct.app_context():
        assert db.engine.raw_connection().dbapi_connection.prepare_threshold == 5
        db.engine.dispose()


def test_the_server_that_takes_writes_is_found_and_found_again(
    postgres: Postgres, postgres_url: str, settings: dict[str, str], tmp_path: Path
) -> None:
    """Both names lead to one server; a read-only phase simulates a failover."""
    dead = free_port()
    with running_pgbouncer(tmp_path, postgres) as port:
        several = f"postgresql://postgres@127.0.0.1:{dead},127.0.0.1:{port}/{_name(postgres_url)}"
        application = create_app(settings | {"DATABASE_URL": f"{several}?target_session_attrs=read-write"})
        with application.app_context():
            a_site(db.session())
            assert Reader(application.test_client()).post("one").status_code == 201
            with psycopg.connect(postgres.url(_name(postgres_url)).replace("+psycopg", ""), autocommit=True) as admin:
                admin.execute(f"ALTER DATABASE {_name(postgres_url)} SET default_transaction_read_only = on".encode())
                admin.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                              b"AND datname = current_database()")  # fmt: skip
                assert Reader(application.test_client()).post("two").status_code == 503
                admin.execute(b"SET default_transaction_read_only = off")
                admin.execute(f"ALTER DATABASE {_name(postgres_url)} RESET default_transaction_read_only".encode())
                admin.execute(b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                              b"AND datname = current_database()")  # fmt: skip
            answers = [Reader(application.test_client()).post("three").status_code for _ in range(3)]
            assert answers[-1] in (200, 201)
            db.session.remove()
            db.engine.dispose()
