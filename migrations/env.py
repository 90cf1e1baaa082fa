"""How Alembic finds our database and our records, inside the Flask application."""

from typing import Any

from alembic import context
from sqlalchemy.types import TypeDecorator

from app.extensions import db
from app.operations import upgrades


def plain_type(kind: str, item: Any, _autogen: Any) -> str | bool:
    """Write the column's own type into a migration: it must not change when our code does."""
    if kind == "type" and isinstance(item, TypeDecorator):
        timezone = "timezone=True" if getattr(item.impl, "timezone", False) else ""
        return f"sa.{type(item.impl).__name__}({timezone})"
    return False


def attempt() -> None:
    """Migrate from where the database is now, each migration in a transaction of its own."""
    engine = context.config.attributes.get("engine", db.engine)
    with engine.connect() as connection:
        upgrades.prepare(connection)
        options: dict[str, Any] = {
            "connection": connection,
            "target_metadata": db.metadata,
            "render_as_batch": True,
            "render_item": plain_type,
            "transaction_per_migration": True,
        }
        context.configure(**options)
        steps = context.get_context().opts["fn"]
        # `flask db downgrade` of an unknown revision is an error.
        known = [each.revision for each in context.script.walk_revisions()] if steps.__name__ == "upgrade" else None
        order = [table.name for table in db.metadata.sorted_tables]
        context.configure(**options, fn=upgrades.ordered(steps, order, known))
        with context.begin_transaction():
            context.run_migrations()


upgrades.run_with_retries(attempt)
