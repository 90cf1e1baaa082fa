"""Large stores: what readers and moderators wait for with ten thousand comments, and with millions."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from app.extensions import db
from app.lib.passwords import hash_password
from app.models import Membership, Moderator, Role, Site
from app.moderation.history import PAGE
from bench import service
from bench.fill import Shape, page_of

SMALL = Shape(threads=200, comments=50)
LARGE = {"sqlite": Shape(threads=40_000, comments=50), "postgresql": Shape(threads=200_000, comments=50)}
TIMES = 15
EMAIL, PASSWORD = "alice@bench.example", "correct horse battery"

Ask = Callable[[FlaskClient], TestResponse]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--share", type=float, default=0.05, help="of 2 million (SQLite) and 10 million comments; 1: all"
    )
    parser.add_argument("--plans", action="store_true", help="print how the database answers each question")
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    print(f"\n{'large stores':44}{'comments':>12}{'ms':>9}{'of small':>10}")
    for kind in given.databases:
        large = Shape(int(LARGE[kind].threads * given.share), LARGE[kind].comments)
        with store(kind, SMALL) as few, store(kind, SMALL, large) as many:
            total = (SMALL.threads + large.threads) * 50
            for name, (small, ms) in measured(few, many).items():
                print(f"{kind + ', ' + name:44}{total:12,}{ms:9.2f}{ms / small:10.2f}", flush=True)
            if given.plans:
                plans(many)


@contextmanager
def store(kind: str, *shapes: Shape) -> Iterator[Flask]:
    with service.database(kind) as url, service.filled(url, *shapes) as app:
        moderator(app)
        full_log(app)
        yield app


def moderator(app: Flask) -> None:
    with app.app_context():
        site = db.session.query(Site).one()
        who = {"name": "Alice", "email": EMAIL, "email_index": Moderator.index_of(EMAIL)}
        member = Membership(site=site, role=Role.MODERATOR)
        db.session.add(Moderator(**who, password_hash=hash_password(PASSWORD), memberships=[member]))
        db.session.commit()


def full_log(app: Flask) -> None:
    """So many decisions that the log's page is full: what is measured later has as many lines."""
    client, post = app.test_client(), questions()["post"]
    for _ in range(PAGE):
        _ms(post, client)


def questions() -> dict[str, Ask]:
    # One gets all the posts; another's comments go on fitting onto their page.
    here, quiet = ({"site": "bench", "url": page_of(number)} for number in (7, 8))
    pages = {"site": "bench", "url": [page_of(number) for number in range(20)]}
    return {
        "thread": lambda client: client.get("/embed/thread", query_string=quiet),
        "thread, behind a comment": lambda client: client.get("/embed/thread", query_string=here | {"after": "1"}),
        "counts of 20 pages": lambda client: client.get("/embed/counts", query_string=pages),
        "feed of a thread": lambda client: client.get("/feeds/thread", query_string=here),
        "feed of the site": lambda client: client.get("/feeds/site/bench.atom"),
        "post": lambda client: client.post("/embed/comments", data=here | _comment()),
        "queue": lambda client: client.get("/moderate/"),
        "log": lambda client: client.get("/moderate/log"),
        "search": lambda client: client.get("/moderate/search", query_string={"q": "ferry"}),
    }


def _comment() -> dict[str, str]:
    return {"name": "Reader", "email": "reader@readers.example", "body": f"At {time.time_ns()} the bell rang."}


def measured(few: Flask, many: Flask) -> dict[str, tuple[float, float]]:
    """The median of milliseconds for each question to both, in turns, so that a busy minute meets both."""
    small, large = logged_in(few), logged_in(many)
    return {name: _medians(ask, small, large) for name, ask in questions().items()}


def _medians(ask: Ask, small: FlaskClient, large: FlaskClient) -> tuple[float, float]:
    pairs = [(_ms(ask, small), _ms(ask, large)) for _ in range(TIMES)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def logged_in(app: Flask) -> FlaskClient:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    answer = client.post("/login", data={"email": EMAIL, "password": PASSWORD})
    if answer.status_code != 303:
        raise RuntimeError(f"no log-in: {answer.status}")
    return client


def _ms(ask: Ask, client: FlaskClient) -> float:
    begin = time.perf_counter()
    answer = ask(client)
    if answer.status_code >= 400:
        raise RuntimeError(answer.status)
    return (time.perf_counter() - begin) * 1000


def plans(app: Flask) -> None:
    client, explain = logged_in(app), "EXPLAIN QUERY PLAN " if "sqlite" in app.config["DATABASE_URL"] else "EXPLAIN "
    for name, ask in questions().items():
        print(f"\n{name}")
        with noted(app) as asked:
            ask(client)
        for statement, given in asked:
            print(f"  {' '.join(statement.split())[:150]}")
            with app.app_context():
                for row in db.session.connection().exec_driver_sql(explain + statement, given):
                    print(f"      {row[-1]}")


@contextmanager
def noted(app: Flask, *, reads_only: bool = True) -> Iterator[list[tuple[str, tuple[object, ...]]]]:
    """The SELECTs that the application sends meanwhile, or all statements."""
    found: list[tuple[str, tuple[object, ...]]] = []

    def note(_connection: object, _cursor: object, statement: str, given: tuple[object, ...], *_rest: object) -> None:
        if not reads_only or statement.startswith("SELECT"):
            found.append((statement, given))

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        yield found
        event.remove(db.engine, "before_cursor_execute", note)


if __name__ == "__main__":
    main()
