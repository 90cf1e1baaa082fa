"""A rate limit holds under concurrency, refills slowly, and recovers from a wrong clock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.extensions import db
from app.lib import clock
from app.models import Rate, RateLimit, rate_limit

RATE = Rate(5, 10)


def test_the_burst_and_then_one_for_each_step(db_session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    passed, began = timedelta(), clock.now()
    monkeypatch.setattr(rate_limit, "now", lambda: began + passed)
    assert [RateLimit.take("a", RATE) for _ in range(6)] == [0, 0, 0, 0, 0, 10]
    assert RateLimit.take("b", RATE) == 0, "another subject has a count of its own"
    assert RateLimit.wait("a", RATE) == 10 and RateLimit.used("a", RATE) == 1
    passed = timedelta(seconds=4)
    assert RateLimit.take("a", RATE) == 6
    passed = timedelta(seconds=10)
    assert [RateLimit.take("a", RATE) for _ in range(2)] == [0, 10]
    passed = timedelta(hours=1)
    assert [RateLimit.take("a", RATE) for _ in range(6)] == [0, 0, 0, 0, 0, 10]


def test_refunds_can_be_spent_again_and_no_more(db_session: Session) -> None:
    assert [RateLimit.take("a", RATE) > 0 for _ in range(6)] == [False] * 5 + [True]
    RateLimit.refund("a", RATE)
    RateLimit.refund("nobody", RATE)
    assert [RateLimit.take("a", RATE) > 0 for _ in range(2)] == [False, True]


def test_a_clock_that_was_a_day_ahead_does_not_block_for_a_day(
    db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = timedelta(days=1)
    monkeypatch.setattr(rate_limit, "now", lambda: clock.now() + ahead)
    assert RateLimit.take("a", RATE) == 0
    ahead = timedelta()
    assert [RateLimit.take("a", RATE) > 0 for _ in range(6)] == [False] * 5 + [True]


def test_many_at_once_take_no_more_than_there_is(
    app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    db_session.rollback()
    began = clock.now()
    monkeypatch.setattr(rate_limit, "now", lambda: began)

    def take(_number: int) -> int:
        with app.test_request_context("/"):  # a GET: each statement commits by itself
            taken = RateLimit.take("crowd", RATE)
            db.session.remove()
            return taken

    with ThreadPoolExecutor(8) as crowd:
        waits = list(crowd.map(take, range(40)))
    assert waits.count(0) == RATE.burst


def test_counting_waits_for_no_disk_and_changes_nothing_for_others(app: Flask, db_session: Session) -> None:
    db_session.rollback()
    with app.test_request_context("/"):
        RateLimit.take("a", RATE)
        if db.engine.dialect.name == "sqlite":
            raw = db.session.connection().connection.dbapi_connection
            assert raw.execute("PRAGMA synchronous").fetchone() == (2,), "FULL again"
        else:
            kind = db.session.connection().exec_driver_sql(
                "SELECT relpersistence FROM pg_class WHERE relname = 'rate_limit'"
            )
            assert kind.scalar() in ("u", b"u"), "unlogged"
        db.session.remove()
