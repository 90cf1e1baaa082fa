"""Who may write has a transaction; on PostgreSQL who only looks has none: that is two ways to the server less."""

import pytest
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import select

from app.extensions import db, only_look, snapshot, then_write, writing

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def asked() -> TransactionStatus:
    """In what a question leaves its connection."""
    connection = db.session.connection()
    connection.scalar(select(1))
    return TransactionStatus(connection.connection.dbapi_connection.info.transaction_status)


def test_a_get_begins_none_but_where_it_writes_or_needs_one_moment(app: Flask) -> None:
    with app.test_request_context("/"):
        assert asked() == TransactionStatus.IDLE
        with writing():
            assert asked() == TransactionStatus.INTRANS
        assert asked() == TransactionStatus.IDLE
        with snapshot():
            assert asked() == TransactionStatus.INTRANS
        assert asked() == TransactionStatus.IDLE


def test_a_post_begins_one_when_it_has_looked(app: Flask) -> None:
    with app.test_request_context("/", method="POST"):
        assert asked() == TransactionStatus.INTRANS
        db.session.commit()
        only_look()
        assert asked() == TransactionStatus.IDLE
        then_write()
        assert asked() == TransactionStatus.INTRANS


def test_without_a_request_there_is_one(app: Flask) -> None:
    with app.app_context():
        assert asked() == TransactionStatus.INTRANS
