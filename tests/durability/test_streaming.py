"""Two nodes, a primary and a standby that replays five seconds later: what readers and moderators see."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import select

from app import create_app, replica
from app.desk import replica_state
from app.extensions import db
from app.lib import deadline
from app.models import Comment, Status, keyring
from tests.cast import PAGE, Reader, a_moderator, a_site
from tests.conftest import SECRET_KEY, Visitor
from tests.services import Postgres, _postgres_for_this_user, postgres_in
from tests.test_replica import Counted, log_in, search

pytestmark = pytest.mark.torture

DELAY_S = 5
READ_S = 5.0  # READ_TIMEOUT


@contextmanager
def standby_of(primary: Postgres, folder: Path, **settings: str) -> Iterator[Postgres]:
    """A hot standby with its data in the folder, copied from the primary if there are none."""
    _binaries, who = _postgres_for_this_user(folder)
    if not (folder / "data").exists():
        subprocess.run(
            [primary.program("pg_basebackup"), f"--pgdata={folder / 'data'}", f"--host={primary.sockets}",
             "--username=postgres", "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"],
            check=True, cwd=folder, **who,
        )  # fmt: skip
    with postgres_in(folder, durable=True, **settings) as standby:
        yield standby


@contextmanager
def node(primary: str, standby: str, **settings: str) -> Iterator[Flask]:
    """An application as on a machine of its own, whose requests have the time limit of a public page."""
    given = {
        "DATABASE_URL": primary,
        "DATABASE_READ_URL": standby,
        "SECRET_KEY": SECRET_KEY,
        "MAIL_URL": "",
        **settings,
    }
    app = create_app({"PUBLIC_URL": "http://localhost"} | given)
    app.config["WTF_CSRF_ENABLED"] = False
    app.test_client_class = Visitor
    inner = app.wsgi_app

    def limited(environ: Any, start: Any) -> Any:
        deadline.set_until(time.monotonic() + READ_S)
        return inner(environ, start)

    app.wsgi_app = limited  # type: ignore[method-assign]
    try:
        yield app
    finally:
        with app.app_context():
            for engine in db.engines.values():
                engine.dispose()


def wait_for_replay(app: Flask) -> None:
    until = time.monotonic() + DELAY_S + 30
    with app.app_context():
        while (lag := replica_state.lag()) is None or lag.bytes:
            assert time.monotonic() < until, lag
            time.sleep(0.2)


@pytest.fixture
def servers() -> Iterator[tuple[Postgres, Path]]:
    with ExitStack() as stack:
        folders = [Path(mkdtemp(prefix="kaiwa-streaming-")) for _ in range(2)]
        for folder in folders:
            stack.callback(subprocess.run, ["rm", "-rf", str(folder)], check=True)
        yield stack.enter_context(postgres_in(folders[0], durable=True)), folders[1]


def prepared(primary: Postgres) -> str:
    url = primary.create("kaiwa")
    app = create_app({"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "MAIL_URL": ""})
    with app.app_context():
        upgrade()
        keyring.admit()
        a_moderator(db.session(), a_site(db.session(), hold_all=False))
        db.session.remove()
        db.engine.dispose()
    return url


def test_writers_see_their_own_write_and_no_version_has_older_comments(servers: tuple[Postgres, Path]) -> None:
    primary, folder = servers
    url = prepared(primary)
    with standby_of(primary, folder, recovery_min_apply_delay=f"{DELAY_S}s") as standby, ExitStack() as stack:
        one, two = (stack.enter_context(node(url, standby.url("kaiwa"), DATABASE_READ_LAG="60")) for _ in range(2))
        strict = stack.enter_context(node(url, standby.url("kaiwa"), DATABASE_READ_LAG="2"))
        author, reader, counted = Reader(one.test_client()), Reader(two.test_client()), Counted()
        quiet = Reader(two.test_client(), url=f"{PAGE}/quiet")
        assert quiet.post("A quiet page").status_code == author.post("The first comment").status_code == 201
        wait_for_replay(one)
        assert "The first comment" in reader.get_thread().text and "A quiet page" in quiet.get_thread().text
        assert counted.new() == {"replica": 2}

        # Posted on one node, read on the other.
        assert author.post("The ferry was late.").status_code == 201
        assert "The ferry was late." in reader.get_thread().text and counted.new() == {"changed": 1}
        assert "A quiet page" in quiet.get_thread().text and counted.new() == {"replica": 1}
        assert "The ferry was late." in feed(two) and counted.new() == {"behind": 1}
        assert "The first comment" in Reader(strict.test_client()).get_thread().text
        assert counted.new() == {"behind": 1}
        seen = pages_for(DELAY_S + 3, reader, author)
        assert counted.new().keys() == {"changed", "replica"}
        assert all("The ferry was late." in page for _tag, page in seen) and len({tag for tag, _page in seen}) == 1

        # Rejected: no page of the new version shows it, on no node.
        alice = one.test_client()
        log_in(alice)
        decide(one, alice, "The ferry was late.", "rejected")
        seen = pages_for(DELAY_S + 3, reader, author)
        assert counted.new().keys() == {"changed", "replica"}
        assert all("The ferry was late." not in page for _tag, page in seen) and len({tag for tag, _page in seen}) == 1
        assert "The ferry was late." not in feed(two)

        # The moderator finds what they did at once, on the other node too; another moderator within the allowed lag.
        decide(one, alice, "The ferry was late.", "spam")
        elsewhere = two.test_client()
        for cookie in ("kaiwa", "kaiwa_written"):
            elsewhere.set_cookie(cookie, alice.get_cookie(cookie).value)
        counted.new()
        assert found(alice, "spam") and found(elsewhere, "spam") and counted.new() == {"behind": 2}
        elsewhere.delete_cookie("kaiwa_written")
        assert not found(elsewhere, "spam") and counted.new() == {"replica": 1}
        wait_for_replay(one)
        counted.new()
        assert found(elsewhere, "spam") and found(alice, "spam") and counted.new() == {"replica": 2}


def test_a_replica_that_stops_or_hangs_costs_one_request_a_moment(servers: tuple[Postgres, Path]) -> None:
    primary, folder = servers
    url = prepared(primary)
    with ExitStack() as stack:
        with standby_of(primary, folder) as standby:
            app = stack.enter_context(node(url, standby.url("kaiwa")))
            reader, counted = Reader(app.test_client()), Counted()
            reader.post("Hello")
            wait_for_replay(app)
            assert "Hello" in reader.get_thread().text and counted.new() == {"replica": 1}
            process = int((folder / "data/postmaster.pid").read_text().split()[0])
            backends = [process, *map(int, subprocess.check_output(["pgrep", "-P", str(process)], text=True).split())]
            for each in backends:
                subprocess.run(["kill", f"-{signal.SIGSTOP.value}", str(each)], check=True)
            began = time.monotonic()
            assert "Hello" in reader.get_thread().text
            assert time.monotonic() - began < READ_S
            assert all("Hello" in reader.get_thread().text for _ in range(20)) and counted.new() == {"away": 21}
            for each in backends:
                subprocess.run(["kill", f"-{signal.SIGCONT.value}", str(each)], check=True)
        # The server has ended.
        retry(app)
        assert "Hello" in reader.get_thread().text and counted.new() == {"away": 1}
        with app.app_context():
            assert [code for code, *_rest in replica_state.check()] == ["replica"]
        with standby_of(primary, folder):
            retry(app)
            wait_for_replay(app)
            assert "Hello" in reader.get_thread().text and counted.new() == {"replica": 1}


def retry(app: Flask) -> None:
    with app.app_context():
        replica.of_app().tried_again_at = 0.0


def pages_for(seconds: float, *readers: Reader) -> list[tuple[str, str]]:
    """ETags and comments of the thread as these readers see it during that time."""
    found, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        for reader in readers:
            answer = reader.get_thread()
            assert answer.status_code == 200
            found.append((answer.headers["ETag"], answer.text))
        time.sleep(0.2)
    return found


def feed(app: Flask) -> str:
    return app.test_client().get("/feeds/site/paper.atom").text


def decide(app: Flask, client: FlaskClient, body: str, status: str) -> None:
    with app.app_context():
        id, version = db.session.execute(select(Comment.id, Comment.version).where(Comment.body == body)).one()
    answer = client.post(f"/moderate/comments/{id}/decisions", data={"status": Status(status), "seen": version})
    assert answer.status_code in (200, 303)


def found(client: FlaskClient, status: str) -> bool:
    return bool(re.search(r"The ferry was late\.", search(client, status=status)))
