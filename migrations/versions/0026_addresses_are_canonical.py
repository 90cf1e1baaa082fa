"""the addresses of pages in their canonical form, and the time from which they close"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.lib.urls import canonical, page_key

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

THREAD = sa.table(
    "thread",
    *map(sa.column, ("id", "site_id", "key", "url", "named_by", "approved_count", "created_at", "started_at")),
)
BATCH = 1000


def upgrade() -> None:
    """Titles stay; the next approved comment renews them."""
    connection, columns = op.get_bind(), THREAD.c
    public = sa.update(THREAD).where(columns.approved_count > 0)
    connection.execute(public.values(named_by=1, started_at=columns.created_at))
    for row in _rows(connection):
        values = {"url": _canonical(row.url), "key": _key(connection, row)}
        if values != {"url": row.url, "key": row.key}:
            connection.execute(sa.update(THREAD).where(columns.id == row.id).values(values))


def downgrade() -> None:
    """The earlier forms are not kept, and nothing needs them."""


def _rows(connection: sa.Connection) -> Iterator[Any]:
    last = 0
    query = sa.select(THREAD.c.id, THREAD.c.site_id, THREAD.c.key, THREAD.c.url).order_by(THREAD.c.id).limit(BATCH)
    while rows := connection.execute(query.where(THREAD.c.id > last)).all():
        yield from rows
        last = rows[-1].id


def _canonical(url: str) -> str:
    try:
        return canonical(url)
    except ValueError:
        return url


def _key(connection: sa.Connection, row: Any) -> str:
    """More parameters are known to be tracking than before; where two threads would be one, both stay as they are."""
    if not row.key.startswith("https://"):
        return row.key
    try:
        key = page_key(row.key)
    except ValueError:
        return row.key
    taken = sa.select(THREAD.c.id).where(THREAD.c.site_id == row.site_id, THREAD.c.key == key)
    return row.key if key != row.key and connection.scalar(taken) else key
