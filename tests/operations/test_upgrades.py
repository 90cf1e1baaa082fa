"""Upgrades while others write, and two upgrades at once: one works, and no request fails."""

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from flask_migrate import downgrade, upgrade

from app import create_app
from app.extensions import db
from app.operations import upgrades
from tests.conftest import SECRET_KEY
from tests.models.test_migrations import FIRST, ROWS
from tests.services import ROOT, Postgres, _clean_environment

# The tables in the order in which posts and decisions take them.
POST = (
    "INSERT INTO comment (site_id, thread_id, author_id, path, depth, status, version, "
    "approved_descendants, reasons, name, website, "
    "body, html, renderer, lang, created_at, address) SELECT site_id, thread_id, author_id, path, depth, status, "
    "version, approved_descendants, reasons, name, website, body, html, renderer, lang, now(), address FROM comment "
    "WHERE id = 1",
    "UPDATE thread SET version = version + 1 WHERE id = 1",
    "INSERT INTO delivery (kind, payload, message_id, created_at, due_at, attempts, outcome, error) "
    "VALUES ('digest', '', '', now(), now(), 0, '', '')",
    "SELECT id, version FROM site WHERE id = 1",
)
DECIDE = (
    "UPDATE comment SET version = version + 1 WHERE id = 1",
    "UPDATE thread SET version = version + 1 WHERE id = 1",
    "SELECT id, version FROM site WHERE id = 1",
    "INSERT INTO decision (site_id, comment_id, to_status, version, actor, reason, note, made_at) "
    "VALUES (1, 1, 'approved', 1, 'screening', '', '', now())",
    "UPDATE author SET name = name WHERE id = 1",
)
# The first comment of a page looks for the page first, against that order.
FIRST_POST = (
    "SELECT thread.id, site.id FROM thread JOIN site ON site.id = site_id WHERE thread.id = 1 FOR UPDATE OF thread",
    *POST,
)
SETTINGS = (
    "UPDATE site SET version = version + 1 WHERE id = 1",
    "SELECT count(*) FROM thread",
    "SELECT count(*) FROM comment WHERE id = 1",
)
# What they do, and how long they rest.
WRITERS = ((POST, 0.03), (FIRST_POST, 0.03), (DECIDE, 0.1), (SETTINGS, 0.1))


# Migrations of the test, above 0.1.0.
STEPS = {
    "0002_table": 'op.create_table("extra", sa.Column("id", sa.Integer(), primary_key=True))',
    "0003_site": 'op.add_column("site", sa.Column("extra", sa.Integer(), nullable=False, server_default="0"))',
    "0004_comment": """
    op.add_column("comment", sa.Column("extra", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_comment_extra", "comment", ["extra"])
    op.execute("UPDATE thread SET version = version + 1")
    """,
    "0005_more": """
    for table in ("author", "decision", "delivery", "thread", "comment", "site"):
        op.add_column(table, sa.Column("more", sa.Text(), nullable=False, server_default=""))
    """,
}
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {before!r}


def upgrade():
    {act}
"""


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our migrations and those of the test."""
    folder = tmp_path_factory.mktemp("upgrades") / "migrations"
    shutil.copytree(ROOT / "migrations", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for later in sorted((folder / "versions").glob("*.py"))[1:]:
        later.unlink()
    before = FIRST
    for revision, act in STEPS.items():
        text = MIGRATION.format(revision=revision, before=before, act=act.strip())
        (folder / "versions" / f"{revision}.py").write_text(text)
        before = revision
    return folder


class Writer(threading.Thread):
    """A client that posts or decides in a loop; keeps its errors."""

    def __init__(self, where: str, statements: tuple[str, ...], rest: float, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.where, self.statements, self.rest, self.stop = where, statements, rest, stop
        self.done, self.failed = 0, []

    def run(self) -> None:
        with psycopg.connect(self.where) as connection:
            while not self.stop.is_set():
                try:
                    for statement in self.statements:
                        connection.execute(statement.encode())
                        time.sleep(0.001)
                    connection.commit()
                    self.done += 1
                    time.sleep(self.rest)
                except psycopg.Error as trouble:
                    connection.rollback()
                    self.failed.append(f"{trouble.sqlstate} {trouble}")


@contextmanager
def writers(where: str) -> Iterator[list[Writer]]:
    stop = threading.Event()
    running = [Writer(where, statements, rest, stop) for statements, rest in WRITERS]
    for each in running:
        each.start()
    try:
        yield running
    finally:
        stop.set()
        for each in running:
            each.join(60)


@pytest.fixture
def old(postgres: Postgres, postgres_url: str) -> str:
    """The address of a PostgreSQL database of 0.1.0 with a comment in it."""
    app = create_app({"DATABASE_URL": postgres_url, "SECRET_KEY": SECRET_KEY})
    with app.app_context():
        downgrade(revision=FIRST)
        with psycopg.connect(_plain(postgres_url)) as connection:
            for table, row in ROWS.items():
                places = ", ".join(f"%({name})s" for name in row)
                connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})".encode(), row)  # noqa: S608
                if table in ("site", "thread", "author", "comment"):
                    connection.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 1)".encode())
        db.engine.dispose()
    return postgres_url


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def _upgrade(url: str, steps: Path, revision: str = "head") -> None:
    app = create_app({"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY})
    with app.app_context():
        try:
            upgrade(directory=str(steps), revision=revision)
        finally:
            db.engine.dispose()


def _revision(url: str) -> str:
    with psycopg.connect(_plain(url)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(row[0]) if row else ""


def test_no_writer_fails_while_the_tables_change(old: str, steps: Path) -> None:
    with writers(_plain(old)) as running:
        _upgrade(old, steps)
    assert _revision(old) == max(STEPS)
    assert [each.failed for each in running] == [[]] * len(WRITERS)
    assert all(each.done for each in running)


def test_a_transaction_that_stays_open_is_waited_for_without_a_line_behind_it(
    old: str, steps: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Others read on while the migration waits, although a waiting lock would stop them."""
    caplog.set_level("WARNING")
    with psycopg.connect(_plain(old)) as holder, psycopg.connect(_plain(old), autocommit=True) as reader:
        holder.execute("SELECT 1 FROM site")
        upgrading = threading.Thread(target=_upgrade, args=(old, steps, "0004_comment"))
        upgrading.start()
        until = time.monotonic() + 60
        while "waits for others" not in caplog.text and time.monotonic() < until:
            time.sleep(0.05)
        reader.execute("SET statement_timeout = '30s'")
        for _ in range(20):
            reader.execute("SELECT 1 FROM site")
        assert _revision(old) == "0002_table"  # the migrations before are kept
        holder.rollback()
        upgrading.join(60)
    assert _revision(old) == "0004_comment"


def test_a_long_lock_holder_is_named(old: str, steps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrades, "TIMEOUT_S", 0.3)
    with psycopg.connect(_plain(old), application_name="report") as holder:
        holder.execute("SELECT 1 FROM site")
        with pytest.raises(upgrades.TablesLocked, match=r"0003_site waits for .*\"site\".*process \d+ \(report\)"):
            _upgrade(old, steps)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_upgrades_of_an_empty_database_at_once(kind: str, postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.create("empty_upgrade") if kind == "postgresql" else f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    environment = _clean_environment() | {"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY}
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, env=environment)
        for _ in range(2)
    ]
    told = [each.communicate(timeout=120)[0].decode() for each in running]
    assert [each.returncode for each in running] == [0, 0], "\n".join(told)
    if kind == "postgresql":
        assert _revision(url) == max(path.stem for path in (ROOT / "migrations/versions").glob("[0-9]*.py"))
        postgres.drop("empty_upgrade")
    else:
        (found,) = sqlite3.connect(tmp_path / "empty.sqlite3").execute("SELECT version_num FROM alembic_version")
        assert found[0] == max(path.stem for path in (ROOT / "migrations/versions").glob("[0-9]*.py"))
