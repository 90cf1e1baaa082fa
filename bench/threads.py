"""Large threads: the first page of threads of 10 to 100,000 comments, flat or nested, in both orders."""

import argparse
import statistics
import time

from flask import Flask
from flask.testing import FlaskClient

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
        # Ten on a page, so that each thread fills its first page.
        with service.database(kind) as url, service.filled(url, *shapes, page_size=10) as app:
            for sort in ("oldest", "newest"):
                print_rows(app, kind, shapes, sort)


def print_rows(app: Flask, kind: str, shapes: list[Shape], sort: str) -> None:
    """Rounds alternate between the threads, so a busy second of the machine affects all."""
    addresses = [{"site": "bench", "url": page_of(number), "sort": sort} for number in range(len(shapes))]
    answers = [first_answer(app, each) for each in addresses]
    rounds = [[_ms(app.test_client(), each) for each in addresses] for _ in range(TIMES)]
    medians = [statistics.median(times) for times in zip(*rounds, strict=True)]
    for shape, (size, queries), ms in zip(shapes, answers, medians, strict=True):
        name = f"{kind}, {shape.comments:,}{' below one comment' if shape.busy else ''}, {sort}"
        print(f"{name:44}{size / 1024:8.1f}{queries:9}{ms:8.2f}{ms / medians[0]:7.2f}", flush=True)


def first_answer(app: Flask, address: dict[str, str]) -> tuple[int, int]:
    """Bytes and queries."""
    with service.recorded_statements(app) as statements:
        body = app.test_client().get("/embed/thread", query_string=address).data
    return len(body), sum(statement.startswith("SELECT") for statement, _ in statements)


def _ms(client: FlaskClient, address: dict[str, str]) -> float:
    begin = time.perf_counter()
    client.get("/embed/thread", query_string=address)
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    main()
