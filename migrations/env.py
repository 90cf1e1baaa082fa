"""How Alembic finds our database and our records, inside the Flask application."""

from typing import Any

from alembic import context
from sqlalchemy.types import TypeDecorator

from app.extensions import db


def plain_type(kind: str, item: Any, _autogen: Any) -> str | bool:
    """Write the column's own type into a migration: it must not change when our code does."""
    if kind == "type" and isinstance(item, TypeDecorator):
        timezone = "timezone=True" if getattr(item.impl, "timezone", False) else ""
        return f"sa.{type(item.impl).__name__}({timezone})"
    return False


with db.engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_as_batch=True,
        render_item=plain_type,
    )
    with context.begin_transaction():
        context.run_migrations()
