"""The tables that migrations make are those that the records ask for, forwards and backwards, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import Comment
from tests.cast import a_site
from tests.comments.test_reading import a_thread, say


def difference() -> list:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [each for each in compare_metadata(context, db.metadata) if each]


def test_the_last_migration_is_what_the_records_say(app: Flask) -> None:
    with app.app_context():
        assert difference() == []


def test_from_nothing_to_the_last_and_back(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        upgrade(revision="0001")
        upgrade()
        assert difference() == []


def test_an_upgrade_keeps_what_was_written(app: Flask, db_session: Session) -> None:
    downgrade(revision="0001")
    say(a_thread(a_site(db_session)), "written under the first migration")
    db_session.commit()
    upgrade()
    db_session.expire_all()
    assert db_session.query(Comment).one().body == "written under the first migration"
