"""Each row of a site's data has the site's id, so that the store can be partitioned by site."""

from sqlalchemy import Table

from app.extensions import db
from app.models import Site

# Tables that refer to a site only through another table, each with the reason.
WITHOUT = {
    "api_answer": "a day, and not longer than its token",
    "lease": "three minutes of a moderator with a comment",
    "snooze": "an hour in which a moderator does not see a comment",
}


def parents(table: Table) -> set[Table]:
    return {key.column.table for key in table.foreign_keys}


def test_each_table_below_a_site_has_its_own_site_id() -> None:
    below, site = set[Table](), Site.__table__
    for table in db.metadata.sorted_tables:
        if parents(table) & (below | {site}):
            below.add(table)
    assert {"comment", "revision", "note", "delivery"} <= {table.name for table in below}
    assert {table.name for table in below if "site_id" not in table.c} == set(WITHOUT)
    for table in below:
        columns = [key.column for key in table.c.site_id.foreign_keys] if "site_id" in table.c else []
        assert table.name in WITHOUT or site.c.id in columns, table.name
