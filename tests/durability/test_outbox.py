"""The outbox cannot be written: the change that would cause the email is rolled back and not acknowledged."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import Decision, Delivery, Status
from app.notify import events, outbox
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.web.test_queue import at_the_desk, press

# More than the free space within the database's pages.
TOO_LARGE = "x" * 4_000_000


@contextmanager
def no_recipients(patch: pytest.MonkeyPatch) -> Iterator[int]:
    """Choosing the recipients fails."""
    with patch.context() as now:
        now.setattr(events, "after", _breaks)
        yield 500


@contextmanager
def no_outbox(patch: pytest.MonkeyPatch) -> Iterator[int]:
    with patch.context() as now:
        now.setattr(outbox, "add", _breaks)
        yield 500


@contextmanager
def no_space(patch: pytest.MonkeyPatch) -> Iterator[int]:
    """The disk is full from the first write to the outbox."""

    def fills(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO delivery"):
            cursor.execute("PRAGMA max_page_count=1")  # as many as there are

    if db.engine.dialect.name != "sqlite":
        pytest.skip("SQLite alone can be told how large it may become")
    event.listen(db.engine, "before_cursor_execute", fills)
    with patch.context() as now:
        now.setattr(outbox, "new_message_id", lambda: TOO_LARGE)
        yield 503
    event.remove(db.engine, "before_cursor_execute", fills)
    db.engine.dispose()  # set for each connection, until it closes


def _breaks(*_: Any, **__: Any) -> None:
    raise RuntimeError("the outbox is broken")


WAYS = pytest.mark.parametrize("breaks", [no_recipients, no_outbox, no_space])
Way = type[AbstractContextManager[int]]


def everything(db_session: Session) -> dict[str, list[Any]]:
    """All that is stored."""
    db_session.expire_all()
    tables = db.metadata.sorted_tables
    found = {table.name: [tuple(row) for row in db_session.execute(select(table))] for table in tables}
    db_session.commit()
    return found


@WAYS
def test_a_comment_without_its_email_is_not_stored(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, breaks: Way
) -> None:
    a_moderator(db_session, a_site(db_session, hold_all=True))
    hanako, before = Reader(client), everything(db_session)
    with breaks(monkeypatch) as status:
        refused = hanako.post("Kept in her form")
        assert refused.status_code == status
        assert bool(refused.headers.get("Retry-After")) == (status == 503)
    assert everything(db_session) == before
    assert "Kept in her form" not in hanako.get_thread().text
    assert hanako.post("Kept in her form").status_code == 202
    assert the_comment(db_session, "Kept in her form").status == Status.PENDING
    assert (db_session.query(Decision).count(), db_session.query(Delivery).count()) == (1, 1)


@WAYS
def test_a_decision_without_its_email_is_not_made(
    app: Flask, client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, breaks: Way
) -> None:
    """The comment stays pending, the filter learns nothing, and a retry decides it once."""
    a_moderator(db_session, a_site(db_session, hold_all=True))
    hanako, desk = Reader(client), at_the_desk(app)
    hanako.post("It waits", notify="y")
    comment = the_comment(db_session, "It waits")
    comment.author.confirmed_index = comment.author.email_index
    db_session.commit()
    before = everything(db_session)
    with breaks(monkeypatch) as status:
        assert press(desk, comment, "approved").status_code == status
    assert everything(db_session) == before
    assert "It waits" not in hanako.get_thread().text
    assert press(desk, the_comment(db_session, "It waits"), "approved").status_code == 303
    assert the_comment(db_session, "It waits").status == Status.APPROVED
    assert {each.kind for each in db_session.query(Delivery).filter(Delivery.done_at.is_(None))} >= {"answer"}
    assert "It waits" in hanako.get_thread().text
