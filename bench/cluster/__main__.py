"""Kill the parts of a cluster one after another while people use it: `make cluster`, or with ARGS="--rounds 20"."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from math import inf

from app import create_app
from app.extensions import db
from bench.__main__ import about
from bench.cluster import proof
from bench.cluster.databases import Databases
from bench.cluster.kills import Kills, Row
from bench.cluster.layout import Layout
from bench.cluster.people import MODERATORS, People, errors
from bench.cluster.webs import Webs
from tests.cast import a_moderator, a_site

HEAD = ("killed", "posts again", "decisions", "last error", "reads", "lost", "doubled", "Kaiwa restarted", "errors")
SHAPE = "{:12} {:>12} {:>10} {:>11} {:>6} {:>5} {:>8}  {:16} {}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1, help="kills of each part")
    parser.add_argument("--minutes", type=float, default=inf, help="begin no kill after this time")
    parser.add_argument("--only", default="", help="one part: primary, web node, worker, pgbouncer or etcd leader")
    parser.add_argument("--keep", action="store_true", help="keep folder and logs")
    asked = parser.parse_args()
    print(about())
    with ExitStack() as stack:
        layout = Layout()
        if asked.keep:
            print(f"logs: {layout.folder}", flush=True)
        else:
            stack.callback(layout.delete)
        problems = run(stack, layout, asked)
    for each in problems[:20]:
        print(f"PROBLEM: {each}")
    sys.exit(1 if problems else 0)


def run(stack: ExitStack, layout: Layout, asked: argparse.Namespace) -> list[str]:
    databases, webs = Databases(layout), Webs(layout)
    stack.callback(databases.stop)
    databases.start()
    stack.callback(webs.stop)
    webs.start()
    settle(webs)
    people = People(webs.url)
    stack.callback(people.finish)
    people.start()
    began = time.monotonic()
    print(SHAPE.format(*HEAD))
    rows = list(killed(Kills(databases, webs, people), asked))
    people.finish()
    databases.wait_healthy()
    time.sleep(2)
    summary(rows, people, time.monotonic() - began)
    return people.wrong + proof.final(people, databases)


def killed(kills: Kills, asked: argparse.Namespace) -> Iterator[Row]:
    until = time.monotonic() + 60 * asked.minutes
    for number in range(1, asked.rounds + 1):
        if asked.rounds > 1:
            print(f"round {number}", flush=True)
        for name, kill in kills.all():
            if asked.only in ("", name) and time.monotonic() < until:
                row = kills.measure(name, kill)
                show(row)
                yield row


def show(row: Row) -> None:
    times = (f"{each:.1f} s" for each in (row.posts_after, row.decisions_after, row.last_error))
    print(SHAPE.format(row.killed, *times, row.reads, row.lost, row.doubled, row.restarted, row.errors), flush=True)


def summary(rows: list[Row], people: People, seconds: float) -> None:
    print(f"\n{len(rows)} kills in {seconds / 60:.0f} minutes")
    for name in dict.fromkeys(row.killed for row in rows):
        of = sorted(row.posts_after for row in rows if row.killed == name)
        print(f"  {name:12} posts again after {of[len(of) // 2]:.1f} s (median), {of[-1]:.1f} s (longest)")
    print(f"acknowledged: {len(people.posted)} comments, {len(people.decided)} decisions")
    print(f"answers: {len(people.answers)}, of which errors: {errors(people.answers) or 'none'}")
    slowest = max(people.answers, key=lambda each: each.ended - each.began)
    print(f"slowest request: {slowest.ended - slowest.began:.1f} s ({slowest.kind}, {slowest.status})")


def settle(webs: Webs) -> None:
    """The sites and moderators that the people use."""
    app = create_app(webs.environments[1])
    with app.app_context():
        site = a_site(db.session(), "paper")
        held = a_site(db.session(), "held", hold_all=True)
        for number in range(MODERATORS):
            a_moderator(db.session(), held, f"m{number}")
        assert site.id
        db.session.remove()
        db.engine.dispose()


if __name__ == "__main__":
    main()
