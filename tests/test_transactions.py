"""Writes and snapshot reads use a transaction; plain reads use autocommit, which saves two statements."""

import sqlite3

from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import select

from app.database import only_look, snapshot, then_write, writing
from app.extensions import db


def asked() -> bool:
    """True if a query leaves its connection in a transaction."""
    connection = db.session.connection()
    connection.scalar(select(1))
    raw = connection.connection.dbapi_connection
    if isinstance(raw, sqlite3.Connection):
        return raw.in_transaction
    return TransactionStatus(raw.info.transaction_status) == TransactionStatus.INTRANS


def test_a_get_begins_none_but_where_it_writes_or_needs_one_moment(app: Flask) -> None:
    with app.test_request_context("/"):
        assert not asked()
        with writing():
            assert asked()
        assert not asked()
        with snapshot():
            assert asked()
        assert not asked()


def test_a_post_begins_one_when_it_has_looked(app: Flask) -> None:
    with app.test_request_context("/", method="POST"):
        assert asked()
        db.session.commit()
        only_look()
        assert not asked()
        then_write()
        assert asked()


def test_without_a_request_there_is_one(app: Flask) -> None:
    with app.app_context():
        assert asked()
