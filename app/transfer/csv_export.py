"""Export all comments of a site as CSV for spreadsheets."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from app.extensions import db
from app.lib import spreadsheet
from app.models import Author, Comment, Site, Thread
from app.transfer.archive import BATCH, of

COLUMNS = {
    "id": Comment.id,
    "parent": Comment.parent_id,
    "page": func.coalesce(func.nullif(Thread.url, ""), Thread.key),
    "title": Thread.title,
    "status": Comment.status,
    "written": Comment.created_at,
    "edited": Comment.edited_at,
    "name": Comment.name,
    "email": Author.email,
    "website": Comment.website,
    "network": Comment.address,
    "text": Comment.body,
}


def lines(site: Site) -> Iterator[str]:
    """One line for each comment, by id, with times in the site's time zone."""
    yield spreadsheet.header(list(COLUMNS))
    clock = ZoneInfo(site.timezone)
    query = select(*COLUMNS.values()).join(Comment.thread).join(Comment.author).where(of(Comment.site_id, site))
    for row in db.session.execute(query.order_by(Comment.id), execution_options={"yield_per": BATCH}):
        yield spreadsheet.line(_on(clock, value) for value in row)


def count_lines(site: Site) -> int:
    return 1 + (db.session.scalar(select(func.count()).where(Comment.site_id == site.id)) or 0)


def _on(clock: ZoneInfo, value: object) -> object:
    return value.astimezone(clock).isoformat(timespec="seconds") if hasattr(value, "astimezone") else value
