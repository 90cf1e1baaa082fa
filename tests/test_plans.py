"""How SQLite answers what readers and moderators ask: never by looking a large table through."""

from collections.abc import Iterator

import pytest

from app.extensions import db
from bench import service, stores
from bench.fill import Shape

LARGE = ("SCAN comment", "SCAN thread", "SCAN author")


def whole_tables(query: str, given: tuple[object, ...]) -> Iterator[str]:
    """The steps that read one. Who walks from the newest comment on until a page is full reads none."""
    steps = [row[-1] for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)]
    walks = "LIMIT" in query and "USE TEMP B-TREE FOR ORDER BY" not in steps
    yield from (step for step in steps if "(join" in step or (step in LARGE and not walks))


@pytest.mark.parametrize("name", stores.questions())
def test_no_question_reads_a_whole_table(name: str) -> None:
    with service.database("sqlite") as url, service.filled(url, Shape(100, 20)) as app:
        stores.moderator(app)
        client, ask = stores.logged_in(app), stores.questions()[name]
        with stores.noted(app) as asked:
            assert ask(client).status_code < 400
        assert asked
        with app.app_context():
            assert not [step for query, given in asked for step in whole_tables(query, given)]
