"""How SQLite answers what readers and moderators ask: never by putting a table together with another one first."""

import pytest

from app.extensions import db
from bench import service, stores
from bench.fill import Shape


@pytest.mark.parametrize("name", stores.questions())
def test_no_question_joins_a_whole_table(name: str) -> None:
    with service.database("sqlite") as url, service.filled(url, Shape(3, 5)) as app:
        stores.moderator(app)
        client, ask = stores.logged_in(app), stores.questions()[name]
        with stores.noted(app) as asked:
            assert ask(client).status_code < 400
        assert asked
        with app.app_context():
            explain = db.session.connection().exec_driver_sql
            steps = [row[-1] for query, given in asked for row in explain(f"EXPLAIN QUERY PLAN {query}", given)]
        assert not [step for step in steps if "(join" in step]
