"""Note once that a page of a site has shown its thread, for the first steps of its owner."""

import logging

from flask import current_app
from sqlalchemy.exc import SQLAlchemyError

from app.database import write_transaction
from app.errors import outage
from app.models import Site

log = logging.getLogger(__name__)


def note(site: Site) -> None:
    """One write for a site. Readers are served also by a database that takes none."""
    if site.first_view_at is not None:
        return
    tried: set[int] = current_app.extensions.setdefault("first views", set())
    if site.id in tried:
        return
    tried.add(site.id)
    try:
        with write_transaction():
            Site.note_first_view(site.id)
    except SQLAlchemyError as trouble:
        if not outage(trouble):
            raise
        log.warning("first view not recorded: database unavailable")
