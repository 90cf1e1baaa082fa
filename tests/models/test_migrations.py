"""Migrations create the tables that the models declare, forwards and backwards, on both databases."""

from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask_migrate import downgrade, upgrade
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import Comment, Rule

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = "0001_initial"  # 0.1.0
# A site, a thread, an author and a comment in the tables of 0.1.0.
ROWS: dict[str, dict[str, Any]] = {
    "site": {
        "id": 1, "key": "paper", "name": "Paper", "lang": "en", "timezone": "UTC", "origins": "[]", "created_at": WHEN,
        "version": 1, "avatar_key": "00", "open": True, "name_required": True, "email_required": True,
        "website_required": False, "max_depth": 5, "page_size": 50, "edit_minutes": 15, "hold_all": True,
        "approvals_needed": 1, "max_links": 2, "flood_per_author": 6, "flood_per_address": 30, "close_after_days": 0,
    },
    "thread": {
        "id": 1, "site_id": 1, "key": "k", "url": "https://paper.example/", "title": "", "state": "open",
        "version": 1, "approved_count": 0, "created_at": WHEN,
    },
    "author": {"id": 1, "site_id": 1, "name": "", "email": "", "website": "", "created_at": WHEN},
    "comment": {
        "id": 1, "site_id": 1, "thread_id": 1, "author_id": 1, "path": "000000001", "depth": 0, "status": "pending",
        "version": 1, "approved_descendants": 0, "reasons": "[]", "name": "", "website": "",
        "body": "written with 0.1.0", "html": "", "renderer": 1, "lang": "", "created_at": WHEN,
        "address": "",
    },
}  # fmt: skip


def difference() -> list:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [each for each in compare_metadata(context, db.metadata) if each]


def test_the_last_migration_is_what_the_models_declare(app: Flask) -> None:
    with app.app_context():
        assert difference() == []


def test_indexes_have_the_conditions_that_the_models_declare(app: Flask) -> None:
    """Alembic compares their columns only."""
    with app.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            migrated, declared = sqlite_indexes(connection), _declared_on_sqlite()
        else:
            connection.execute(text("CREATE SCHEMA declared"))
            db.metadata.create_all(connection.execution_options(schema_translate_map={None: "declared"}))
            migrated, declared = postgresql_indexes(connection, "public"), postgresql_indexes(connection, "declared")
            connection.rollback()
    assert migrated == declared and len(migrated) > 40


def _declared_on_sqlite() -> set[str]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        db.metadata.create_all(connection)
        return sqlite_indexes(connection)


def sqlite_indexes(connection: Connection) -> set[str]:
    rows = connection.scalars(text("SELECT coalesce(sql, name) FROM sqlite_master WHERE type = 'index'"))
    return {" ".join(row.split()) for row in rows if "alembic" not in row}


def postgresql_indexes(connection: Connection, schema: str) -> set[str]:
    query = text("SELECT indexdef FROM pg_indexes WHERE schemaname = :schema AND tablename <> 'alembic_version'")
    return {row.replace(f" {schema}.", " ") for row in connection.scalars(query, {"schema": schema})}


@pytest.mark.parametrize("revision", ["0001", "0030"])
def test_a_database_from_before_0_1_0_is_refused_with_the_way_to_move(
    app: Flask, db_session: Session, revision: str
) -> None:
    db_session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    db_session.commit()
    refused = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert refused.exit_code == 1 and not isinstance(refused.exception, AttributeError)
    for part in ("before 0.1.0", "flask export --site KEY", "flask import kaiwa", "docs/upgrading.md"):
        assert part in refused.output
    assert db_session.scalar(text("SELECT version_num FROM alembic_version")) == revision


def test_from_nothing_to_the_last_and_back(app: Flask) -> None:
    with app.app_context():
        downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}
        upgrade(revision=FIRST)
        upgrade()
        assert difference() == []


def test_an_upgrade_keeps_the_rows(app: Flask, db_session: Session) -> None:
    """Written by hand: the records know only the newest tables."""
    downgrade(revision=FIRST)
    for table, row in ROWS.items():
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        db_session.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), row)  # noqa: S608
    db_session.commit()
    upgrade()
    db_session.expire_all()
    assert db_session.query(Comment).one().body == "written with 0.1.0"
    assert db_session.query(Rule).all() == []
