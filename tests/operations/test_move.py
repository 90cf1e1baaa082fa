"""The installation moves to another database while others write: nothing is lost, doubled or half moved."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    insert,
    make_url,
    select,
    text,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app import connections, create_app
from app.extensions import db
from app.lib.clock import Moment
from app.models import Comment, RateLimit, Site, Status
from app.models.audit import verify
from app.operations import move, move_rows, move_source, upgrades
from app.operations.move_rows import LEFT_OUT, moved_tables
from app.operations.move_source import Source
from app.operations.upgrades import UnfinishedMove
from app.spam import retraining
from tests.cast import Reader, a_site
from tests.cast import move as decide
from tests.sample_installation import fill_database
from tests.services import Postgres

SECRET_KEY = "0123456789abcdef" * 4
ODD = "'quotes' \"\\n\" \\N \t\n\r 漢字 𠮷 \x7f ％"
Urls = Callable[[str], str]


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"SECRET_KEY": SECRET_KEY}


@pytest.fixture
def new_url(postgres: Postgres, tmp_path: Path) -> Iterator[Urls]:
    """Make an empty database of this kind."""
    made = []

    def make(kind: str) -> str:
        name = f"kaiwa_moved_{len(made)}"
        made.append(name)
        return f"sqlite:///{tmp_path / name}" if kind == "sqlite" else postgres.create(name)

    yield make
    for name in made:
        postgres.drop(name)


@pytest.fixture
def full(app: Flask, db_session: Session) -> Session:
    """At least one row in every table."""
    site, _alice = fill_database(app.test_client(), db_session)
    retraining.retrain(site.id)
    for table in db.metadata.sorted_tables:
        if not db_session.scalar(select(func.count()).select_from(table)):
            given = [each for each in table.c if each is not table.autoincrement_column]
            db_session.execute(insert(table).values({each.name: a_value(db_session, each) for each in given}))
    db_session.commit()
    return db_session


def a_value(db_session: Session, column: Any) -> Any:
    if column.foreign_keys:
        return db_session.scalar(select(func.min(min(column.foreign_keys, key=str).column)))
    kinds = {Boolean: True, Float: 0.1, Integer: 7, LargeBinary: bytes(range(256)), JSON: {"b": [None, 1.5, ODD]}}
    kinds[Moment] = datetime(2026, 11, 30, 1, 2, 3, 4, UTC)
    found = next((value for kind, value in kinds.items() if isinstance(column.type, kind)), None)
    return found if found is not None else ODD[: column.type.length or 1000]


def run(app: Flask, *words: object, code: int = 0, typed: str = "") -> Result:
    with app.app_context():
        done = app.test_cli_runner().invoke(args=["upkeep", "move-to", *map(str, words)], input=typed)
        db.engine.dispose()
    assert done.exit_code == code, (done.output, done.exception)
    return done


def app_on(url: str) -> Flask:
    return create_app({"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "PUBLIC_URL": "http://localhost"})


def dump(url: str) -> dict[str, list[Any]]:
    """Every row of every table, as the move reads it."""
    engine = create_engine(make_url(url))
    with engine.connect().execution_options(reads_only=True) as connection:
        found = {each.name: [row for rows in each.batches(connection) for row in rows] for each in moved_tables()}
    engine.dispose()
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


def change(url: str, statement: str) -> None:
    engine = create_engine(make_url(url))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def is_closed(app: Flask) -> bool:
    """True if the service on this database refuses a comment and gives the text back, but shows the page."""
    reader = Reader(app.test_client())
    answer = reader.post("Do not lose this", headers={"Sec-Fetch-Mode": "navigate"})
    if answer.status_code < 400:
        return False
    assert answer.status_code == 503 and answer.headers["Retry-After"] and "Do not lose this" in answer.text
    assert reader.get_thread().status_code == 200
    return True


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_everything_moves_to_postgresql_and_back(app: Flask, full: Session, new_url: Urls) -> None:
    there, back = new_url("postgresql"), new_url("sqlite")
    told = json.loads(run(app, "-", "--json", typed=f"{there}\n").stdout)
    before = dump(app.config["DATABASE_URL"])
    assert all(before.values()) and dump(there) == before
    assert {name: each["rows"] for name, each in told["tables"].items()} == {
        name: len(rows) for name, rows in before.items()
    }
    assert is_closed(app)
    assert json.loads(run(app, there, "--check", "--json").stdout)["ok"]
    names_a_tampered_row(app, there)

    on_postgresql = app_on(there)
    assert Reader(on_postgresql.test_client()).post("The first comment here").status_code == 202
    run(on_postgresql, back)
    assert dump(there) == dump(back) and len(dump(back)["comment"]) == len(before["comment"]) + 1
    assert is_closed(on_postgresql)

    again = app_on(back)
    assert Reader(again.test_client()).post("The first comment on SQLite again").status_code == 202
    with again.app_context():
        found = verify()
        assert found.ok and found.chain.rows
        names = db.session.connection().execute(text("SELECT name FROM sqlite_master")).scalars()
        assert not [name for name in names if name.startswith("kaiwa")]
        db.session.rollback()
        db.engine.dispose()
    assert schema_of(back) == schema_of(app.config["DATABASE_URL"])
    with on_postgresql.app_context():
        db.engine.dispose()


def names_a_tampered_row(app: Flask, there: str) -> None:
    """The row and the column, without values."""
    change(there, "UPDATE thread SET title = 'Tampered' WHERE id = 1")
    output = run(app, there, "--check", code=1).output
    assert "thread 1 differs: title" in output and "Tampered" not in output
    found = json.loads(run(app, there, "--check", "--json", code=1).stdout)
    assert [name for name, each in found["tables"].items() if not each["ok"]] == ["thread"]
    change(there, "UPDATE thread SET title = '' WHERE id = 1")
    change(there, "DELETE FROM rate_limit")
    change(there, "INSERT INTO rate_limit (subject, due_ms) VALUES ('added', 1)")
    output = run(app, there, "--check", code=1).output
    assert "is missing in the new database" in output and "rate_limit added is in the new database only" in output
    assert "thread 1" not in output


def schema_of(url: str) -> set[tuple[str, str]]:
    with sqlite3.connect(make_url(url).database or "") as connection:
        rows = connection.execute("SELECT type, sql FROM sqlite_master WHERE name NOT LIKE '%kaiwa%' AND sql > ''")
        found = {(kind, " ".join(sql.split())) for kind, sql in rows if not sql.startswith("CREATE TABLE sqlite")}
    connection.close()
    return found


class Killed(BaseException):
    """The process ends at once: no code handles it."""


class Kill:
    """Ends the process at a statement or a commit."""

    def __init__(self) -> None:
        self.left = 0

    def begin(self, statements: int) -> None:
        self.left = statements

    def __call__(self, *_about: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.fixture
def kill() -> Iterator[Kill]:
    found = Kill()
    for name in ("before_cursor_execute", "commit"):
        event.listen(Engine, name, found)
    yield found
    for name in ("before_cursor_execute", "commit"):
        event.remove(Engine, name, found)


@pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.torture)], indirect=True
)
def test_a_move_that_is_killed_goes_on(app: Flask, db_session: Session, new_url: Urls, kill: Kill) -> None:
    """At many moments, and between them readers and moderators go on."""
    a_site(db_session)
    there = new_url("sqlite" if app.config["DATABASE_URL"].startswith("postgresql") else "postgresql")
    reader, kills = Reader(app.test_client()), 0
    for number in count():
        kill.begin(40 + 90 * number)
        try:
            done = run(app, there)
        except Killed:
            kills += 1
        else:
            assert "Moved to" in done.output
            break
        finally:
            kill.begin(0)
        if (answer := reader.post(f"Comment {number}")).status_code == 503:
            continue  # killed after the old database was closed
        assert answer.status_code == 201
        decide(db_session, db_session.query(Comment).filter_by(body=f"Comment {number}").one(), Status.SPAM)
        db_session.delete(db_session.query(Comment).order_by(Comment.id.desc()).first())
        db_session.execute(RateLimit.__table__.update().values(due_ms=number))
        db_session.commit()
    assert kills > 4
    assert dump(there) == dump(app.config["DATABASE_URL"])
    assert json.loads(run(app, there, "--json").stdout)["tables"] == {}
    assert is_closed(app)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_others_write_during_the_copy_arrives(
    app: Flask, db_session: Session, new_url: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also rows that swap a unique value, and rows that are deleted."""
    a_site(db_session, "one"), a_site(db_session, "two"), a_site(db_session)
    reader = Reader(app.test_client())
    for number in range(5):
        reader.post(f"Before {number}")
    there, after = new_url("sqlite"), iter(range(10_000))
    copy, catch_up, last = move._copy, move._catch_up, move._last_pass

    def write() -> None:
        reader.post(f"Meanwhile {next(after)}")
        db_session.delete(db_session.query(Comment).order_by(Comment.id).first())
        db_session.commit()
        for one, two in (("one", "x"), ("two", "one"), ("x", "two")):
            db_session.execute(Site.__table__.update().where(Site.key == one).values(key=two))
        db_session.commit()

    def copy_and_write(*given: Any) -> None:
        copy(*given)
        if given[2].name in ("site", "comment", "decision"):
            write()

    monkeypatch.setattr(move, "_copy", copy_and_write)
    monkeypatch.setattr(move, "_catch_up", lambda *given: (catch_up(*given), write()))
    monkeypatch.setattr(move, "_last_pass", lambda *given: (write(), last(*given))[1])
    run(app, there)
    found = dump(there)
    assert found == dump(app.config["DATABASE_URL"])
    assert next(after) == 5 and len(found["comment"]) == 5


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_in_use_is_refused(app: Flask, db_session: Session, new_url: Urls, tmp_path: Path) -> None:
    a_site(db_session)
    used = new_url("postgresql")
    change(used, "CREATE TABLE other (id int)")
    assert "has tables already" in run(app, used, code=1).output
    own = app.config["DATABASE_URL"]
    assert "exists already" in run(app, own, code=1).output
    (tmp_path / "notes.txt").write_text("not a database")
    assert "exists already" in run(app, f"sqlite:///{tmp_path}/notes.txt", code=1).output
    (tmp_path / "other.sqlite3.moving").write_text("not of a move")
    assert "is not of a move" in run(app, f"sqlite:///{tmp_path}/other.sqlite3", code=1).output
    assert (tmp_path / "notes.txt").read_text() == "not a database"
    for wrong in ("mysql://host/name", "sqlite://", "", f"sqlite:///{tmp_path}/none/kaiwa"):
        run(app, "-", code=1, typed=wrong)
    secret = run(app, "postgresql://kaiwa:hunter2@127.0.0.1:1/kaiwa", code=1).output
    assert "does not answer" in secret and "hunter2" not in secret
    assert move_source.state() is None and Reader(app.test_client()).post("Hello").status_code == 201


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_unfinished_move_is_no_installation(
    app: Flask, db_session: Session, new_url: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server finds its tables, no other move goes on with it, and the old database goes on after --cancel."""
    a_site(db_session)
    kind = "sqlite" if app.config["DATABASE_URL"].startswith("postgresql") else "postgresql"
    there, elsewhere = new_url(kind), new_url(kind)
    with monkeypatch.context() as patch:
        patch.setattr(move, "_catch_up", lambda *_given: 1 / 0)
        run(app, there, code=1)
    server = app_on(there)
    with server.app_context():
        with pytest.raises(UnfinishedMove):
            upgrade()
        with db.engine.connect().execution_options(reads_only=True) as connection:
            assert not db.inspect(connection).get_table_names()
        db.engine.dispose()
    assert "A move to" in run(app, elsewhere, code=1).output
    assert not is_closed(app)
    with app.app_context():
        findings = app.test_cli_runner().invoke(args=["check"]).output
    assert "has begun and is not done" in findings
    with monkeypatch.context() as patch:
        waits = each_write_waits(app, patch)
        run(app, "--cancel")
        assert "belongs to another move" in run(app, there, code=1).output
        stopped_by_an_upgrade(app, elsewhere, patch)
        assert "waiting for the writers" in run(app, elsewhere).output and len(waits) > 10
    assert is_closed(app)
    assert "Aborted" in run(app, "--cancel", code=1, typed="n\n").output and is_closed(app)
    run(app, "--cancel", "--yes")
    assert not is_closed(app)
    assert "No move has begun" in run(app, "--cancel", code=1).output


def each_write_waits(app: Flask, patch: pytest.MonkeyPatch) -> list[float]:
    """Another process has SQLite's lock each time that the command wants it, and longer than a statement waits."""
    other = sqlite3.connect(make_url(app.config["DATABASE_URL"]).database or "", isolation_level=None)
    retry, waits = Source.retry, []

    def held(source: Source, attempt: Callable[[], None]) -> None:
        other.execute("BEGIN IMMEDIATE")
        retry(source, attempt)

    def sleep(pause: float) -> float:
        waits.append(pause)
        if other.in_transaction:
            other.execute("ROLLBACK")
        return pause

    patch.setattr(connections, "SQLITE_BUSY_MS", 20)
    patch.setattr(Source, "retry", held)
    patch.setattr(upgrades, "_sleep", sleep)
    patch.setattr(move, "PROGRESS_S", 0.0)
    return waits


def stopped_by_an_upgrade(app: Flask, there: str, patch: pytest.MonkeyPatch) -> None:
    """A migration may add columns that this version does not copy."""
    with app.app_context():
        revision = db.session.scalar(text("SELECT version_num FROM alembic_version"))
        db.session.rollback()
    last, own = move._last_pass, app.config["DATABASE_URL"]
    with patch.context() as inner:
        later = "UPDATE alembic_version SET version_num = 'later'"
        inner.setattr(move, "_last_pass", lambda *given: (change(own, later), last(*given))[1])
        assert "by another version since" in run(app, there, code=1).output
    change(own, f"UPDATE alembic_version SET version_num = '{revision}'")  # noqa: S608
    assert not is_closed(app)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_cancelling_a_move_that_begins_leaves_nothing_behind(
    app: Flask, db_session: Session, new_url: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Triggers of a move without its tables would refuse every write."""
    a_site(db_session)
    note = Source._note_changes
    monkeypatch.setattr(Source, "_note_changes", lambda source: (move_source.cancel(), note(source)))
    run(app, new_url("sqlite"), code=1)
    assert move_source.state() is None and not is_closed(app)


def test_a_full_disk_is_no_fault_of_a_row() -> None:
    limits = next(each for each in moved_tables() if each.name == "rate_limit")
    with create_engine("sqlite://").connect() as connection:
        limits.table.create(connection)
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        with pytest.raises(OperationalError, match="disk is full"):
            limits.insert(connection, [(f"{number:064}", number) for number in range(1000)])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_postgresql_cannot_store_is_named(app: Flask, db_session: Session, new_url: Urls) -> None:
    a_site(db_session)
    Reader(app.test_client()).post("Hello")
    change(app.config["DATABASE_URL"], "UPDATE comment SET body = 'a' || char(0) || 'b'")
    there = new_url("postgresql")
    output = run(app, there, code=1).output
    assert "comment 1 has a NUL character in body" in output
    change(app.config["DATABASE_URL"], "UPDATE comment SET body = 'ab', name = hex(randomblob(400))")
    output = run(app, there, code=1).output
    assert "does not take a row from comment 1 to comment 1: StringDataRightTruncation 22001" in output
    change(app.config["DATABASE_URL"], "UPDATE comment SET name = ''")
    run(app, there)
    assert dump(there) == dump(app.config["DATABASE_URL"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_dry_run_writes_nothing(app: Flask, db_session: Session, new_url: Urls) -> None:
    a_site(db_session)
    there = new_url("sqlite")
    found = json.loads(run(app, there, "--dry-run", "--json").stdout)
    assert found["rows"]["site"] == 1 and found["rows"].keys() == {each.name for each in moved_tables()}
    assert move_source.state() is None
    assert not list(Path(there.removeprefix("sqlite:///")).parent.glob("kaiwa_moved*"))


def test_every_table_is_moved_or_left_out_for_a_reason() -> None:
    assert {each.name for each in moved_tables()} | LEFT_OUT.keys() == db.metadata.tables.keys()
    assert all(LEFT_OUT.values()) and not LEFT_OUT.keys() & {each.name for each in moved_tables()}
    for each in moved_tables():
        assert each.key, each.name
        assert each.names == [column.name for column in db.metadata.tables[each.name].columns]
    unknown = Table("new", MetaData(), Column("id", Integer, primary_key=True), Column("day", Date))
    with pytest.raises(TypeError, match=r"new\.day"):
        move_rows._moved(unknown)


def test_a_batch_has_a_bounded_size() -> None:
    assert move_rows.next_limit([("x" * 100,)] * 10, 10) == 40
    assert move_rows.next_limit([("x" * 100,)] * 10, 1000) == 1000
    assert move_rows.next_limit([(b"x" * 1024 * 1024,)] * 10, 10) == 4
    assert move_rows.next_limit([(b"x" * 100 * 1024 * 1024,)], 10) == 1
