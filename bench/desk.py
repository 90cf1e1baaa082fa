"""The desk with a million comments beside the desk with none: pages, counts, batches, and the plans behind them."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import String, case, cast, delete, event, func, select, text, update

from app import create_app
from app.desk import queue
from app.desk.batch import decide_all
from app.extensions import db
from app.models import Comment, Lease, Moderator, Site, Status
from bench import fill
from tests.cast import PASSWORD, a_moderator
from tests.services import running_postgres

ROUNDS = 15
PENDING = 10  # one of so many waits
DEEP = 10  # a page so far down its lane: past one of so many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--comments", type=int, default=1_000_000)
    given = parser.parse_args()
    for name in ("sqlite", "postgresql"):
        with ExitStack() as stack:
            url = stack.enter_context(a_database(name))
            quiet = {"SECRET_KEY": "k" * 64, "DIGEST_EVERY": "86400", "LOG_LEVEL": "ERROR"}
            app = create_app({"DATABASE_URL": url, **quiet})
            with app.app_context():
                upgrade()
                measure(app, name, given.comments)
                db.session.remove()
                db.engine.dispose()


@contextmanager
def a_database(name: str) -> Iterator[str]:
    if name == "postgresql":
        with running_postgres(durable=True) as server:
            yield server.create("bench")
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'bench.sqlite3'}"


def measure(app: Flask, name: str, comments: int) -> None:
    fill.site(app)
    site = db.session.scalars(select(Site)).one()
    a_moderator(db.session(), site)
    db.session.remove()
    client = logged_in(app)
    empty = times(client, None)
    began = time.monotonic()
    wait_in(app, fill.Shape(threads=30, comments=10), 0)
    few = times(client, None)
    wait_in(app, fill.Shape(threads=comments // 500, comments=500), 1000)
    print(f"\n{name}: {comments:,} comments, {waiting():,} wait (filled in {time.monotonic() - began:.0f} s)")
    many = times(client, deep_place())
    print(f"{'median ms':28}{'none':>8}{'300':>8}{'many':>8}{'many / none':>13}{'many / 300':>12}")
    for what in many:
        base, small = empty.get(what, 0), few.get(what, 0)
        ratios = f"{many[what] / base:13.1f}{many[what] / small:12.1f}" if base and small else ""
        print(f"{what:28}{base:8.1f}{small:8.1f}{many[what]:8.1f}{ratios}")
    print(f"a batch of 500: {batch():.0f} ms")
    plans()


def logged_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    token = client.get("/login").text.split('name="csrf_token" value="')[1].split('"')[0]
    fields = {"email": "alice@moderators.example", "password": PASSWORD, "csrf_token": token}
    if client.post("/login", data=fields).status_code != 303:
        raise RuntimeError("the log-in was refused")
    return client


def wait_in(app: Flask, shape: fill.Shape, first: int) -> None:
    """Fill the table, and let every tenth comment wait, in four lanes; a third are copies of a hundred texts."""
    db.session.remove()
    fill.fill(app, shape, first)
    number = Comment.id // PENDING
    cluster = case((number % 3 == 0, "c" + cast(number % 100, String)), else_="x" + cast(number, String))
    held = update(Comment).where(Comment.id % PENDING == 0, Comment.status == Status.APPROVED)
    db.session.execute(held.values(status=Status.PENDING, lane=1 + number % 4, cluster=cluster, places=0))
    db.session.commit()
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def waiting() -> int:
    return db.session.scalar(select(func.count()).select_from(Comment).where(text("comment.lane <> 0"))) or 0


def deep_place() -> str:
    comment = db.session.scalars(
        select(Comment)
        .where(Comment.lane == 2, text("comment.lane <> 0"))
        .order_by(*queue.ORDER)
        .offset(waiting() // 4 // DEEP)
        .limit(1)
    ).one()
    place = queue.place_of(comment)
    db.session.commit()
    return place


def times(client: FlaskClient, place: str | None) -> dict[str, float]:
    pages = {"lane 5": "/moderate/", "lane 2": "/moderate/?lane=2", "search, common word": "/moderate/search?q=鐘の音"}
    if place:
        pages |= {
            "lane 2, further down": f"/moderate/?lane=2&after={place}",
            "search, nothing found": "/moderate/search?q=鯨",
            "approved": "/moderate/?status=approved",
        }
    return {what: median(lambda path=path: get(client, path)) for what, path in pages.items()}


def get(client: FlaskClient, path: str) -> None:
    if client.get(path).status_code != 200:
        raise RuntimeError(f"{path} was refused")


def median(act: Callable[[], None]) -> float:
    act()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        act()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def batch() -> float:
    # What the requests before have left open only looks.
    db.session.remove()
    alice = db.session.scalars(select(Moderator)).one()
    waiting = select(Comment.id, Comment.version).where(Comment.lane == 4, text("comment.lane <> 0")).limit(500)
    seen = {row.id: row.version for row in db.session.execute(waiting)}
    began = time.perf_counter()
    if len(decide_all(seen, Status.SPAM, by=alice).decided) != 500:
        raise RuntimeError("something was left out")
    db.session.commit()
    return (time.perf_counter() - began) * 1000


def plans() -> None:
    """How the database finds a page of a lane, and counts."""
    alice = db.session.scalars(select(Moderator)).one()
    asked: list[tuple[str, object]] = []
    listener = lambda _c, _cursor, statement, parameters, *_: asked.append((statement, parameters))  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listener)
    queue.ids_in(alice, 2, deep_place())
    queue.counts(alice)
    event.remove(db.engine, "before_cursor_execute", listener)
    explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN (ANALYZE, COSTS OFF)"
    for statement, parameters in [asked[-2], asked[-1]]:
        print(f"-- {' '.join(statement.split())[:110]}…")
        for row in db.session.connection().exec_driver_sql(f"{explain} {statement}", parameters):  # type: ignore[arg-type]
            print("   ", row[-1])
    db.session.execute(delete(Lease))
    db.session.commit()


if __name__ == "__main__":
    main()
