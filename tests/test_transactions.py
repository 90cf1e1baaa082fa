"""Writes and snapshot reads use a transaction; plain reads use autocommit, which saves two statements."""

import sqlite3

import pytest
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.database import read_only, snapshot, write_transaction
from app.errors import Refused
from app.extensions import db
from app.models import Site
from tests.cast import a_site


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
        with write_transaction():
            assert asked()
        assert not asked()
        with snapshot():
            assert asked()
        assert not asked()


def test_a_post_begins_one_when_it_has_looked(app: Flask) -> None:
    with app.test_request_context("/", method="POST"):
        assert asked()
        db.session.commit()
        read_only()
        assert not asked()
        with write_transaction():
            assert asked()
        assert not asked(), "the answer is made without a transaction"


def test_an_exception_rolls_back(app: Flask, db_session: Session) -> None:
    site = a_site(db_session)
    with app.test_request_context("/", method="POST"):
        read_only()
        found = db.session.get_one(Site, site.id)
        with pytest.raises(Refused), write_transaction():
            found.name = "Changed"
            db.session.flush()
            raise Refused("no", "No.")
        assert found.name == site.name and not asked()


def test_without_a_request_there_is_one(app: Flask) -> None:
    with app.app_context():
        assert asked()
