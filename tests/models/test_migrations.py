"""The migrations create the tables of the record classes, up and down, on both databases."""

from datetime import UTC, datetime
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import Comment, Rule

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
# A site, a thread, an author and a comment, in the tables of the first migration.
UNDER_THE_FIRST: dict[str, dict[str, Any]] = {
    "site": {
        "id": 1, "key": "paper", "name": "Paper", "lang": "en", "timezone": "UTC", "origins": "[]", "created_at": WHEN,
        "version": 1, "avatar_key": "00", "open": True, "name_required": True, "email_required": True,
        "website_required": False, "max_depth": 5, "page_size": 50, "edit_minutes": 15, "hold_all": True,
        "approvals_needed": 1, "max_links": 2, "flood_per_author": 6, "flood_per_address": 30, "close_after_days": 0,
    },
    "thread": {
        "id": 1, "site_id": 1, "key": "k", "url": "https://paper.example/", "title": "", "open": True, "visible": True,
        "version": 1, "approved_count": 0, "created_at": WHEN,
    },
    "author": {"id": 1, "site_id": 1, "name": "", "email": "", "website": "", "created_at": WHEN},
    "comment": {
        "id": 1, "site_id": 1, "thread_id": 1, "author_id": 1, "path": "000000001", "depth": 0, "status": "pending",
        "version": 1, "places": 0, "reasons": "[]", "name": "", "website": "",
        "body": "written under the first migration", "html": "", "renderer": 1, "lang": "", "created_at": WHEN,
        "address": "",
    },
}  # fmt: skip


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


def test_an_upgrade_keeps_all_data(app: Flask, db_session: Session) -> None:
    """Plain SQL: the record classes match only the newest tables."""
    downgrade(revision="0001")
    for table, row in UNDER_THE_FIRST.items():
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        db_session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), row)  # noqa: S608
    db_session.commit()
    upgrade()
    db_session.expire_all()
    assert db_session.query(Comment).one().body == "written under the first migration"
    assert db_session.query(Rule).all() == []
