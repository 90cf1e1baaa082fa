"""Query plans of the requests of readers and moderators.

SQLite never scans a large table or site, although it has no statistics. PostgreSQL plans the statements of each page
and comment once: planning takes as long as execution.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.desk import queue
from app.extensions import db
from app.models import Comment, Moderator, Site, Snooze
from app.moderation import history
from bench import routes, service
from bench.fill import Shape
from tests.cast import PAGE, Reader, a_moderator, a_site, the_comment
from tests.statements import recorded

# PostgreSQL uses custom plans for the first five runs.
TIMES = 20
# psycopg parses a statement with more of them, or a longer one, each time (3.3, psycopg/_queries.py).
MOST_VALUES, LONGEST = 50, 4096
GROWS = (
    "comment|thread|author|decision|delivery|report|revision|note|thread_alias|training_example|dirty_comment"
    "|subscription|announcement"
)
LARGE = re.compile(
    rf"SCAN ({GROWS})(_\d+)?\b.*"
    # All pending comments of a site: the partial index has no others.
    r"|SEARCH (comment|author|decision)\w* USING (COVERING )?INDEX (?!ix_comment_lane)\w+ "
    r"\(site_id=\?( AND created_at[<>]\?)*\)"
)
# Pages that may scan, by endpoint, with the reason.
BOUNDED = {
    **dict.fromkeys(("system.show", "system.as_json"), "the same emails, for owners of the installation"),
    "threads.show": "a search for a part of an address reads the site's threads, which are far fewer than comments",
    "sites.screening": "reads from a moment on that is at most AMONG comments back",
    **dict.fromkeys(
        ("transparency.show", "transparency.as_csv", "transparency.as_json"), "counts a year's comments in their index"
    ),
    "queue.find": "looks through so many ids (STEP) or so many threads, and offers to search further back",
}


@pytest.fixture(scope="module")
def desk() -> Iterator[Flask]:
    """A SQLite database with everything that a page shows."""
    with routes.store("sqlite", 2_500) as app:
        yield app


def whole_tables(query: str, given: tuple[object, ...]) -> Iterator[str]:
    """The plan steps that scan a table. A walk from the newest comment until a page is full is not a scan."""
    if not query.startswith("SELECT"):
        return
    steps = [row[-1] for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)]
    walks = "LIMIT" in query and "USE TEMP B-TREE FOR ORDER BY" not in steps
    yield from (step for step in steps if "(join" in step or (LARGE.fullmatch(step) and not walks))


def test_every_page_has_an_example_in_the_bench(desk: Flask) -> None:
    assert routes.missing_routes(desk, routes.visits(desk)) == []


def test_no_page_reads_a_whole_table(desk: Flask) -> None:
    client, found, kinds = routes.logged_in(desk), {}, set()
    for visit in routes.visits(desk):
        with service.recorded_statements(desk) as asked:
            routes.measure_once(visit, client)
        kinds.add(visit.endpoint)
        with desk.app_context():
            steps = [step for query, given in asked for step in whole_tables(query, given)]
        if steps and visit.endpoint not in BOUNDED:
            found[f"{visit.endpoint}, {visit.name}"] = steps
    assert found == {}
    assert BOUNDED.keys() <= kinds


def test_a_post_reads_no_whole_table(desk: Flask) -> None:
    client = routes.logged_in(desk)
    with service.recorded_statements(desk) as asked:
        assert client.post("/embed/comments", data=routes.new_comment()).status_code == 201
    with desk.app_context():
        assert asked and not [step for query, given in asked for step in whole_tables(query, given)]


def test_named_rows_are_looked_up_by_index() -> None:
    named = list(range(1, 501))
    with service.database("sqlite") as url, service.filled(url, Shape(100, 20)) as app:
        with app.app_context():
            a_moderator(db.session(), db.session.query(Site).one())
        with service.recorded_statements(app) as asked, app.app_context():
            assert Comment.on_sites([1], named) == named
            assert history.decisions_of(db.session.query(Moderator).filter_by(is_program=False).one(), named) == []
        with app.app_context():
            steps = [step for query, given in asked for step in whole_tables(query, given)]
        assert len(asked) >= 2 and not steps


def test_snoozed_comments_are_looked_up_by_id(desk: Flask) -> None:
    with desk.app_context(), service.recorded_statements(desk) as asked:
        alice = db.session.query(Moderator).filter_by(is_program=False).one()
        comment = db.session.query(Comment).filter(Comment.lane > 0).first()
        Snooze.begin(comment, alice)
        assert queue.ids_in(alice, queue.ALL, snoozed=True) == [comment.id]
        query, given = asked[-1]
        steps = [row[-1] for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", given)]
        db.session.rollback()
    assert steps and not [step for step in steps if "ix_comment_lane" in step]


def planned() -> dict[str, tuple[int, int]]:
    """Numbers of runs of each prepared statement with the generic plan and with custom plans."""
    found: dict[str, tuple[int, int]] = {}
    question = text("SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements")
    with ExitStack() as stack:
        for connection in [stack.enter_context(db.engine.connect()) for _ in range(db.engine.pool.checkedin())]:
            for statement, once, anew in connection.execute(question):
                before = found.get(statement, (0, 0))
                found[statement] = (before[0] + once, before[1] + anew)
    return found


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_pages_and_comments_are_planned_once(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, page_size=10, flood_per_author=0, flood_per_address=0, flood_per_site=10_000)
    db_session.commit()
    reader = Reader(client, peer="2001:db8::1")
    for number in range(TIMES):
        assert reader.post(f"comment {number}").status_code == 201
        assert reader.get_thread().status_code == 200
    for sort in ("oldest", "newest"):
        for _ in range(TIMES):
            assert reader.get_thread(sort=sort).status_code == 200
            assert reader.get_thread(sort=sort, after="3").status_code == 200
    assert client.get("/embed/counts", query_string={"site": "paper", "url": PAGE}).json["counts"] == {PAGE: TIMES}
    # A comment with everything: a new author's reply, from an IPv6 network, with a request key.
    parent = the_comment(db_session, "comment 0")
    for number in range(TIMES):
        taro = Reader(client, name="Taro", email=f"taro{number}@readers.example", peer="2001:db8::2")
        more = {"notify": "1", "parent": parent.id, "website": "https://taro.example"}
        key = {"Idempotency-Key": f"key {number}"}
        with app.app_context(), recorded(db.engine) as asked:
            assert taro.post(f"answer {number}", **more, headers=key).status_code == 201
        assert max(map(len, asked)) <= LONGEST
    found = planned()
    assert max(int(value) for each in found for value in re.findall(r"\$(\d+)", each)) <= MOST_VALUES
    assert any("comment.html" in each for each in found) and any("nextval" in each for each in found)
    assert not [each for each, (once, anew) in found.items() if once == 0 and anew >= TIMES // 2]
