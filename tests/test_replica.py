"""Which reads a replica answers: only those for which it provably has everything that the reader must see.

Here the "replica" is a second engine on the same PostgreSQL database, and its position and versions are made up where
it is to be behind. Streaming replication with five seconds of delay: tests/durability/test_streaming.py.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

import config
from app import create_app, replica
from app.desk import checks, replica_state
from app.extensions import db
from app.lib import metrics
from app.models import Comment, Site, Status
from app.replica import Needed, Replica
from tests.cast import PAGE, PASSWORD, Reader, a_moderator, a_site, the_comment
from tests.services import Postgres, free_port

State = tuple[int, int, int]
OUTCOMES = ("replica", "behind", "changed", "away")


@pytest.fixture
def database_url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"DATABASE_READ_URL": settings["DATABASE_URL"]}


@pytest.fixture(autouse=True)
def _closed(app: Flask) -> Iterator[None]:
    yield
    with app.app_context():
        db.engines["replica"].dispose()


@pytest.fixture(autouse=True)
def _as_a_standby(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "STATE", text(f"SELECT {replica._POSITION}, {replica._VERSIONS}"))


@pytest.fixture
def site(db_session: Session) -> Site:
    return a_site(db_session, hold_all=False)


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the replica say these values of itself: `pretend(position=0)`."""
    real = replica.state_of

    def change(**values: int) -> None:
        def state_of(session: Session, needed: Needed) -> State:
            position, thread, site = real(session, needed)
            said = {"position": position, "thread": thread, "site": site} | values
            return said["position"], said["thread"], said["site"]

        monkeypatch.setattr(replica, "state_of", state_of)

    return change


class Counted:
    """Outcomes of reads since it was made."""

    def __init__(self) -> None:
        self.before = self._now()

    def _now(self) -> dict[str, float]:
        return {name: metrics.REPLICA_READS.labels(name)._value.get() for name in OUTCOMES}

    def new(self) -> dict[str, int]:
        now = self._now()
        found = {name: int(now[name] - self.before[name]) for name in OUTCOMES if now[name] != self.before[name]}
        self.before = now
        return found


def statements_on_the_replica(app: Flask) -> list[str]:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        found.append(statement)

    with app.app_context():
        event.listen(db.engines["replica"], "before_cursor_execute", note)
    return found


def test_a_thread_is_read_from_the_replica_that_has_its_version(
    app: Flask, client: FlaskClient, db_session: Session, site: Site, pretend: Callable[..., None]
) -> None:
    reader, sent = Reader(client), statements_on_the_replica(app)
    assert reader.post("The first comment").status_code == 201
    counted = Counted()
    assert "The first comment" in reader.get_thread().text
    assert counted.new() == {"replica": 1}
    assert any("comment.html" in statement for statement in sent)
    sent.clear()
    # The replica has not replayed the newest change of this thread, then of the site's settings.
    for older in ({"thread": 1}, {"site": 0}):
        pretend(**older)
        assert "The first comment" in reader.get_thread().text
        assert counted.new() == {"changed": 1}
    assert not any("comment.html" in statement for statement in sent)


def test_an_unchanged_page_asks_the_primary_only(app: Flask, client: FlaskClient, site: Site) -> None:
    reader = Reader(client)
    reader.post("Hello")
    tag, sent = reader.get_thread().headers["ETag"], statements_on_the_replica(app)
    again = client.get("/embed/thread", query_string={"site": "paper", "url": PAGE}, headers={"If-None-Match": tag})
    assert again.status_code == 304 and sent == []


def test_beyond_the_allowed_lag_the_primary_answers(
    client: FlaskClient, site: Site, pretend: Callable[..., None]
) -> None:
    reader = Reader(client)
    reader.post("Hello")
    reader.get_thread()
    counted = Counted()
    pretend(position=0)
    assert "Hello" in reader.get_thread().text
    assert counted.new() == {"behind": 1}
    # It is there, but late: the next request tries again, and finds that it has caught up.
    pretend()
    reader.get_thread()
    assert counted.new() == {"replica": 1}


@pytest.mark.parametrize(
    "path", ["/feeds/site/paper.atom", "/feeds/picks?site=paper", "/api/v1/picks?site=paper",
             "/api/v1/comments/latest?site=paper"],
)  # fmt: skip
def test_lists_of_the_newest_comments_need_everything_that_the_primary_has(
    client: FlaskClient, site: Site, pretend: Callable[..., None], path: str
) -> None:
    Reader(client).post("Hello")
    counted = Counted()
    first = client.get(path)
    assert first.status_code == 200 and counted.new() == {"replica": 1}
    # Within the allowed lag, and still not new enough: a list must not lose what it has shown.
    pretend(position=position() - 1)
    assert client.get(path).data == first.data and counted.new() == {"behind": 1}


def test_few_positions_are_remembered(app: Flask, client: FlaskClient, site: Site) -> None:
    for _ in range(30):
        client.get("/feeds/site/paper.atom")
    with app.app_context():
        assert len(replica.of_app().samples) < 10


def position() -> int:
    return replica.position_of(db.session)


def test_a_moderator_finds_what_they_have_just_written(
    client: FlaskClient, db_session: Session, site: Site, pretend: Callable[..., None]
) -> None:
    a_moderator(db_session, site)
    Reader(client).post("The ferry was late.")
    log_in(client)
    with client.application.app_context():
        earlier = position()
    counted = Counted()
    assert "The ferry was late." in search(client) and counted.new() == {"replica": 1}
    comment = the_comment(db_session, "The ferry was late.")
    answer = client.post(
        f"/moderate/comments/{comment.id}/decisions", data={"status": "rejected", "seen": comment.version}
    )
    assert answer.status_code in (200, 303)
    assert int(client.get_cookie("kaiwa_written").value) > earlier
    # Within the allowed lag, but without the decision.
    with client.application.app_context():
        replica.of_app().samples.clear()
        replica.of_app().samples.append((float("inf"), earlier))
    pretend(position=earlier)
    assert "The ferry was late." in search(client, status="rejected") and counted.new() == {"behind": 1}
    client.delete_cookie("kaiwa_written")
    assert "The ferry was late." in search(client, status="rejected") and counted.new() == {"replica": 1}


@pytest.mark.parametrize("commits", ["on", "off"])
def test_each_commit_has_a_later_position(client: FlaskClient, db_session: Session, site: Site, commits: str) -> None:
    """Also one that can be seen before it is written."""
    db_session.execute(text(f"SET synchronous_commit = {commits}"))
    found = [replica.position_of(db_session)]
    for _ in range(20):
        site.version += 1
        db_session.commit()
        found.append(replica.position_of(db_session))
    assert found == sorted(set(found))


@pytest.mark.parametrize("typed", ["x", "-1", "9" * 21, "１", ""])
def test_a_changed_cookie_leads_to_the_primary(
    client: FlaskClient, db_session: Session, site: Site, typed: str
) -> None:
    a_moderator(db_session, site)
    log_in(client)
    client.set_cookie("kaiwa_written", typed)
    counted = Counted()
    search(client)
    assert counted.new() == {"behind": 1}


def test_a_found_comment_is_shown_as_the_primary_has_it(
    client: FlaskClient, db_session: Session, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replica finds a comment that was withdrawn a moment ago; its text is not shown again."""
    a_moderator(db_session, site)
    Reader(client).post("The ferry was late.")
    log_in(client)
    comment = the_comment(db_session, "The ferry was late.")
    found = replica.since

    def and_then_withdrawn(position: int, act: Callable[[], Any]) -> Any:
        ids = found(position, act)
        with db.engine.begin() as connection:
            connection.execute(update(Comment).where(Comment.id == comment.id).values(status=Status.DELETED))
        return ids

    monkeypatch.setattr(replica, "since", and_then_withdrawn)
    assert "The ferry was late." not in search(client)


def test_a_server_that_is_away_is_left_alone_for_a_while(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    away = f"postgresql://postgres@127.0.0.1:{free_port()}/none"
    application = create_app(settings | {"DATABASE_READ_URL": away})
    tries: list[Replica] = []
    real = Replica.session
    monkeypatch.setattr(Replica, "session", lambda self: (tries.append(self), real(self))[1])
    with application.app_context():
        a_site(db.session(), hold_all=False)
        reader, counted = Reader(application.test_client()), Counted()
        reader.post("Hello")
        for _ in range(3):
            assert "Hello" in reader.get_thread().text
        assert counted.new() == {"away": 3} and len(tries) == 1
        replica.of_app().tried_again_at = 0.0
        assert "Hello" in reader.get_thread().text
        assert len(tries) == 2
        (code, wrong, _fix), *rest = replica_state.check()
        assert code == "replica" and "OperationalError" in wrong and not rest
        assert "kaiwa_replica_up 0.0" in application.test_client().get("/metrics").text
        db.session.remove()
        db.engine.dispose()


def test_a_failing_statement_on_the_replica_is_repeated_on_the_primary(
    client: FlaskClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reader(client).post("Hello")

    def cancelled(_session: Session, _needed: Needed) -> State:
        raise OperationalError("SELECT", {}, Exception("canceling statement due to conflict with recovery"))

    monkeypatch.setattr(replica, "state_of", cancelled)
    counted = Counted()
    assert "Hello" in Reader(client).get_thread().text
    assert counted.new() == {"away": 1}


def test_another_database_is_never_read(settings: dict[str, str], postgres: Postgres, site: Site) -> None:
    """Its ids and versions mean other comments."""
    other = postgres.create("kaiwa_other_database")
    application = create_app(settings | {"DATABASE_READ_URL": other})
    with application.app_context():
        reader, counted = Reader(application.test_client()), Counted()
        assert reader.post("Hello").status_code == 201
        assert "Hello" in reader.get_thread().text and counted.new() == {"away": 1}
        assert [code for code, *_rest in replica_state.check()] == ["replica-other"]
        db.session.remove()
        db.engines["replica"].dispose()
        db.engine.dispose()
    postgres.drop("kaiwa_other_database")


def test_a_server_that_is_no_standby_is_not_read(
    client: FlaskClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it was made a primary, its log goes its own way, and may be longer."""
    monkeypatch.undo()
    Reader(client).post("Hello")
    counted = Counted()
    assert "Hello" in Reader(client).get_thread().text and counted.new() == {"behind": 1}


def test_the_replica_takes_no_writes(app: Flask, site: Site) -> None:
    with app.app_context(), replica.of_app().session() as session, pytest.raises(Exception, match="read-only"):
        session.execute(text("UPDATE site SET name = 'x'"))


def test_check_and_metrics_tell_its_state(client: FlaskClient, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = client.get("/metrics").text
    assert "kaiwa_replica_up 1.0" in figures and "kaiwa_replica_lag_seconds 0.0" in figures
    with client.application.app_context():
        assert [code for code, *_rest in checks.SLOW["the replica"]()] == ["replica-primary"]
        behind = replica_state.Lag(is_standby=True, bytes=10, seconds=60)
        monkeypatch.setattr(replica_state, "lag_of", lambda _found: behind)
        (code, wrong, fix), *_rest = checks.SLOW["the replica"]()
        assert code == "replica-behind" and "60" in wrong and "DATABASE_READ_LAG" in fix


def test_sqlite_has_no_replica(tmp_path: Any) -> None:
    for given in ({"DATABASE_READ_URL": "postgresql://db.example/kaiwa"}, {"DATABASE_READ_URL": "sqlite:///x.sqlite3"}):
        with pytest.raises(config.BadSetting, match=r"DATABASE_READ_URL.*SQLite.*no replicas"):
            config.load(given, tmp_path)


def log_in(client: FlaskClient) -> None:
    client.application.config["WTF_CSRF_ENABLED"] = False
    assert client.post("/login", data={"email": "alice@moderators.example", "password": PASSWORD}).status_code == 303


def search(client: FlaskClient, **more: str) -> str:
    answer = client.get("/moderate/search", query_string={"q": "ferry"} | more)
    assert answer.status_code == 200
    return answer.text
