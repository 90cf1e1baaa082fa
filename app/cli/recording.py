"""Record in the audit log that a command has read data: exports and backups must work on a disk that is full."""

from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db
from app.models import Site, audit
from app.models.audit import Event, Who


def note(event: Event, *, key: str = "", **details: Any) -> None:
    """Record and commit. `key` is that of the site. A database that takes no writes is only reported."""
    db.session.rollback()
    try:
        audit.record(event, by=Who.OPERATOR, site=Site.with_key(key) if key else None, **details)
        db.session.commit()
    except SQLAlchemyError as trouble:
        db.session.rollback()
        click.echo(
            f"This is not in the audit log, because the database takes no writes: {type(trouble).__name__}", err=True
        )
