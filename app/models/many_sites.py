"""Which of many sites have something to show or to do: asked in one statement, not in one for each site."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.database import one_of
from app.extensions import db
from app.models.site import Site


def newest_sites(
    site_ids: Collection[int], record: Any, *conditions: ColumnElement[bool], limit: int
) -> Collection[int]:
    """Those of these sites that may have one of the `limit` newest of all rows, by their newest one."""
    if len(site_ids) <= limit:
        return site_ids
    rows = select(func.max(record.id)).where(record.site_id == Site.id, *conditions).correlate(Site)
    newest = select(Site.id, rows.scalar_subquery().label("newest")).where(one_of(Site.id, site_ids)).subquery()
    some = select(newest.c.id).where(newest.c.newest.is_not(None)).order_by(newest.c.newest.desc()).limit(limit)
    return db.session.scalars(some).all()
