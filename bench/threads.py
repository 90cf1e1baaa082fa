"""Large threads: the first answer of a thread with 10 to 100,000 comments, whatever their shape and order."""

import argparse
import statistics
import time

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app.extensions import db
from bench import service
from bench.fill import Shape, page_of

SIZES = (10, 1_000, 10_000, 100_000)
TIMES = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    print(f"\n{'first answer of a thread':44}{'KB':>8}{'queries':>9}{'ms':>8}{'of 10':>7}")
    for kind in parser.parse_args().databases:
        shapes = [Shape(1, size, busy=busy) for busy in (False, True) for size in SIZES]
        # Ten to a page, so that the smallest thread fills it too and all answers show as much.
        with service.database(kind) as url, service.filled(url, *shapes, page_size=10) as app:
            for sort in ("oldest", "newest"):
                tell(app, kind, shapes, sort)


def tell(app: Flask, kind: str, shapes: list[Shape], sort: str) -> None:
    """Each thread in turns with the others, so that a busy second of the machine meets all of them."""
    asked = [{"site": "bench", "url": page_of(number), "sort": sort} for number in range(len(shapes))]
    answers = [first_answer(app, each) for each in asked]
    rounds = [[_ms(app.test_client(), each) for each in asked] for _ in range(TIMES)]
    taken = [statistics.median(times) for times in zip(*rounds, strict=True)]
    for shape, (size, queries), ms in zip(shapes, answers, taken, strict=True):
        name = f"{kind}, {shape.comments:,}{' below one comment' if shape.busy else ''}, {sort}"
        print(f"{name:44}{size / 1024:8.1f}{queries:9}{ms:8.2f}{ms / taken[0]:7.2f}", flush=True)


def first_answer(app: Flask, asked: dict[str, str]) -> tuple[int, int]:
    """Bytes and queries."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", note)
        body = app.test_client().get("/embed/thread", query_string=asked).data
        event.remove(db.engine, "before_cursor_execute", note)
    return len(body), len([each for each in statements if each.startswith("SELECT")])


def _ms(client: FlaskClient, asked: dict[str, str]) -> float:
    begin = time.perf_counter()
    client.get("/embed/thread", query_string=asked)
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    main()
