"""A table of comments in partitions by site, with short rows and the indexes of the hot queries, and their plans."""

import re
import threading
from typing import Any

import psycopg

from bench.scale_fill import timed
from tests.services import Postgres

AT_ONCE = 3  # connections that fill partitions
TABLE = """
CREATE TABLE comment (
    id bigint NOT NULL, thread_id bigint NOT NULL, root_id bigint NOT NULL, created_at timestamptz NOT NULL,
    site_id int NOT NULL, approved_descendants int NOT NULL, lane smallint NOT NULL, status varchar(16) NOT NULL,
    html text NOT NULL
) PARTITION BY HASH (site_id)
"""
# As on `comment`; the primary key needs the column of the partitions.
INDEXES = {
    "pk": "CREATE UNIQUE INDEX ON {} (site_id, id)",
    "tree": "CREATE INDEX ON {} (thread_id, root_id) WHERE approved_descendants > 0",
    "lane": "CREATE INDEX ON {} (site_id, lane, id) WHERE lane <> 0",
}
# Comment `i` is on site i % sites; 50 of a site in a row are one thread. Two of 25 wait.
FILL = """
INSERT INTO comment SELECT i * {sites}::bigint + s, (i / 50) * {sites}::bigint + s, i * {sites}::bigint + s,
    now() - ({each} - i) * interval '1 minute', s, CASE WHEN i % 25 IN (4, 13, 7) THEN 0 ELSE 1 END,
    CASE WHEN i % 25 IN (4, 13) THEN 1 + i % 4 ELSE 0 END,
    CASE WHEN i % 25 IN (4, 13) THEN 'pending' WHEN i % 25 = 7 THEN 'spam' ELSE 'approved' END, 'Hello'
FROM generate_series({first}, {last}) AS s, generate_series(0, {each} - 1) AS i
"""
SITE, OTHER = 4_321, 77
QUERIES = {
    "a thread, with its site": (
        "SELECT id, html FROM comment WHERE site_id = {site} AND thread_id = {site} AND approved_descendants > 0 "
        "ORDER BY root_id LIMIT 51"
    ),
    "a thread, by its id alone (as today)": (
        "SELECT id, html FROM comment WHERE thread_id = {site} AND approved_descendants > 0 ORDER BY root_id LIMIT 51"
    ),
    "a comment, with its site": "SELECT * FROM comment WHERE site_id = {site} AND id = {site}",
    "the queue of a site": (
        "SELECT id FROM comment WHERE site_id = {site} AND lane = 1 AND lane <> 0 ORDER BY id LIMIT 26"
    ),
    "the queue of a moderator of two sites": (
        "SELECT id FROM comment WHERE site_id IN ({site}, {other}) AND lane = 1 AND lane <> 0 ORDER BY id LIMIT 26"
    ),
    "the newest comments of a site": (
        "SELECT id FROM comment WHERE site_id = {site} AND status = 'approved' ORDER BY id DESC LIMIT 20"
    ),
}


def run(server: Postgres, rows: int, sites: int, partitions: int) -> None:
    server.create("partitions")
    with connect(server) as connection:
        connection.execute(TABLE.encode())
        for number in range(partitions):
            part = f"FOR VALUES WITH (MODULUS {partitions}, REMAINDER {number}) WITH (autovacuum_enabled = off)"
            connection.execute(f"CREATE UNLOGGED TABLE comment_{number} PARTITION OF comment {part}".encode())
    with timed(f"{rows:,} rows in {partitions} partitions"):
        fill(server, rows, sites)
    for name, statement in INDEXES.items():
        with timed(f"index {name}"):
            at_once([[statement.format(f"comment_{at}")] for at in range(partitions)], server)
    with connect(server) as connection:
        for statement in INDEXES.values():
            connection.execute(statement.format("comment").encode())
        with timed("VACUUM ANALYZE"):
            connection.execute(b"VACUUM ANALYZE comment")
        print_partitions(connection)


def fill(server: Postgres, rows: int, sites: int) -> None:
    """Some sites in each statement, so that several connections have work."""
    step, each = max(1, sites // 50), rows // sites
    given = {"sites": sites, "each": each}
    batches = [[FILL.format(first=at, last=min(at + step, sites) - 1, **given)] for at in range(0, sites, step)]
    at_once(batches, server)


def at_once(batches: list[list[str]], server: Postgres) -> None:
    waiting, troubles = list(reversed(batches)), list[BaseException]()

    def work() -> None:
        with connect(server) as connection:
            while waiting and not troubles:
                for statement in waiting.pop():
                    connection.execute(statement.encode())

    def guarded() -> None:
        try:
            work()
        except (psycopg.Error, IndexError) as trouble:
            if not isinstance(trouble, IndexError):
                troubles.append(trouble)

    threads = [threading.Thread(target=guarded) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if troubles:
        raise troubles[0]


def print_partitions(connection: psycopg.Connection[Any]) -> None:
    sizes = (
        b"SELECT count(*), sum(pg_relation_size(oid)), sum(pg_indexes_size(oid)), max(pg_total_relation_size(oid)), "
        b"sum(reltuples)::bigint FROM pg_class WHERE relname ~ '^comment_[0-9]+$' AND relkind = 'r'"
    )
    count, heap, indexes, largest, rows = connection.execute(sizes).fetchone() or (0, 0, 0, 0, 0)
    heap_mb, indexes_mb, largest_mb = (float(each) / 1e6 for each in (heap, indexes, largest))
    print(f"{count} partitions, {rows:,} rows, heap {heap_mb:,.0f} MB, indexes {indexes_mb:,.0f} MB")
    print(f"largest partition {largest_mb:,.0f} MB")
    for name, query in QUERIES.items():
        explained = f"EXPLAIN (ANALYZE, BUFFERS, SUMMARY) {query.format(site=SITE, other=OTHER)}".encode()
        connection.execute(explained)
        plan = [line for (line,) in connection.execute(explained)]
        parts = set(re.findall(r" on (comment_[0-9]+)\b", "\n".join(plan)))
        times = ", ".join(line.strip() for line in plan if line.startswith(("Planning Time", "Execution Time")))
        print(f"\n{name}: {len(parts)} partitions; {times}")
        for line in plan[:9]:
            print(f"    {line}")


def connect(server: Postgres) -> "psycopg.Connection[Any]":
    return psycopg.connect(f"host={server.sockets} user=postgres dbname=partitions", autocommit=True)
