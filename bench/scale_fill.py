"""Fill a PostgreSQL database with millions of comments of realistic size.

Each row is a copy of a comment, author or decision that the application stored itself, with other ids, texts, hashes
and times. The places of comments, authors and statuses are those of bench/fill.py.
"""

import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from app.extensions import db
from app.models import Author, Comment, Decision, Thread, keyring
from bench import fill, routes
from tests.cast import Reader

HERE = Path(__file__).parent.parent
# Texts that comments are cut from: parts of our own documentation, half in English and half in Japanese.
PARTS, PART_LENGTH = 64, 3_000
# Median 134 characters, mean 185, as in exports of news sites: log-normal.
LENGTH = "greatest(5, least(2900, round(exp(4.9 + 0.8 * random_normal()))::int))"
NETWORKS = 50_000
# Columns of hashes, all different.
HASHES = ("fingerprint", "typed_by", "text_key", "request_key", "request_digest")

# `i` counts comments from 0, `t` their threads, `k` within a thread; the last thread has a twentieth of all. A subquery
# with OFFSET 0 is evaluated once and streamed; as a CTE it would be a temporary file of 45 GB.
PLACED = """
(SELECT i, id, t, id - (CASE WHEN k % 3 = 2 THEN 1 ELSE 0 END) AS root_id, {status} AS status,
    substr((CAST(:part AS text[]))[1 + (i % :parts)], 1 + (random() * (:part_length - size))::int, size) AS words
    FROM (SELECT i::bigint, (i + 1)::bigint AS id, {length} AS size,
        CASE WHEN i < 50 * :threads THEN i / 50 ELSE :threads END AS t,
        CASE WHEN i < 50 * :threads THEN i % 50 ELSE i - 50 * :threads END AS k
        FROM generate_series(0::bigint, :all - 1) AS n(i) OFFSET 0) AS numbered OFFSET 0) AS n
"""


def prepare(app: Flask) -> None:
    """The tables, a site with its owner, and one comment by the application."""
    with app.app_context():
        upgrade()
        keyring.admit()
    fill.site(app, public_summary=True)
    with app.app_context():
        routes.create_owner()
    words = "It rained all night, and the ferry was late again. " * 3
    answer = Reader(app.test_client(), site="bench", url=fill.page_of(0)).post(words)
    assert answer.status_code in (201, 202), answer.text


def fill_tables(app: Flask, comments: int) -> None:
    """Insert threads, authors, comments and decisions in one transaction, without indexes; then build these."""
    busiest = comments // 500 * 25
    threads = (comments - busiest) // 50
    given = {
        "all": comments, "threads": threads, "each": 50, "part": texts(), "parts": PARTS, "part_length": PART_LENGTH,
        "authors": 0, "page": fill.page_of(0)[:-1],
    }  # fmt: skip
    with app.app_context():
        run = db.session.execute
        run(text("SET SESSION session_replication_role = replica"))
        for table in ("comment", "author", "thread", "decision"):
            run(text(f"CREATE TEMP TABLE sample_{table} AS SELECT * FROM {table} ORDER BY id LIMIT 1"))  # noqa: S608
        indexes = list(db.session.scalars(text(INDEXES)))
        # WAL is skipped for tables that were truncated in the same transaction (wal_level=minimal).
        run(text("TRUNCATE author, thread CASCADE"))
        for name in db.session.scalars(text(NAMES)).all():
            run(text(f"DROP INDEX {name}"))
        for what, statement in _statements():
            with timed(what):
                run(text(statement), {name: value for name, value in given.items() if f":{name}" in statement})
        db.session.commit()
        for statement in indexes:
            with timed(statement.split()[2 + ("UNIQUE" in statement)]):
                run(text(statement))
                db.session.commit()
        for table in ("thread", "author", "comment", "decision"):
            run(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))  # noqa: S608
        db.session.commit()


def use_the_desk(app: Flask) -> None:
    """Reports, emails (of each hundredth comment) and a notice, as bench/routes.py has them."""
    with app.app_context():
        routes.set_details()
        run = db.session.execute
        run(text("SET SESSION session_replication_role = replica"))
        for statement in (fill.REPORTS, fill.DELIVERIES.replace("id % 10 = 0", "id % 100 = 0"), fill.ALIASES):
            run(text(statement))
        db.session.commit()
        run(text("SET SESSION session_replication_role = origin"))
        routes.make_section()
        routes.reject_one()
        routes.send_notice()


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what:60}{time.monotonic() - began:9.1f} s", flush=True)


def texts() -> list[str]:
    """Parts of our documentation and of its Japanese texts, without markup."""
    english = " ".join(file.read_text() for file in sorted((HERE / "docs").glob("*.md")))
    catalogue = (HERE / "app/translations/ja/LC_MESSAGES/messages.po").read_text()
    japanese = "".join(re.findall(r"[^\x00-\x7f]{4,}", catalogue))
    dice = random.Random(1)
    found = []
    for whole in (re.sub(r"[^\w ,.;:?!'-]+", " ", english), japanese):
        for _ in range(PARTS // 2):
            at = dice.randrange(len(whole) - PART_LENGTH)
            found.append(whole[at : at + PART_LENGTH - 60] + fill.SENTENCES[0][:60])
    # English and Japanese in turn.
    return [found[at // 2 + (PARTS // 2) * (at % 2)] for at in range(PARTS)]


def _statements() -> Iterator[tuple[str, str]]:
    numbers = "generate_series(0, {}) AS n(i)"
    own = {"id": "i + 1", "key": ":page || i", "url": ":page || i", "title": "'Story ' || i", "approved_count": "44"}
    yield "threads", _copies(Thread, own, numbers.format(":threads"))
    hashed = ("email_index", "network_index", "vouched_index")
    own = {"id": "i + 1", "name": "'Reader ' || i"} | {name: _hash(name, "email_index") for name in hashed}
    yield "authors", _copies(Author, own, numbers.format(":all / 5"))
    placed = PLACED.format(status=fill.DESK["status"], length=LENGTH)
    yield "comments", _copies(Comment, COMMENT, placed)
    yield "decisions", _copies(Decision, DECISION, "comment AS n")


def _copies(record: Any, own: dict[str, str], rows: str) -> str:
    """INSERT of rows `n` that are like the sample but for their own values."""
    table = record.__table__
    columns = [column.name for column in table.columns]
    values = [own.get(name, f"sample.{name}") for name in columns]
    names = ", ".join(columns)
    return f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)} FROM {rows}, sample_{table.name} AS sample"  # noqa: S608


def _hash(name: str, like: str, of: str = "i") -> str:
    """A hash as long as that of the application, with the tag of its key."""
    digest = f"encode(sha256(convert_to('{name}' || ({of}), 'UTF8')), 'hex')"
    return f"left(sample.{like}, 9) || left({digest}, length(sample.{like}) - 9)"


COMMENT = {
    "id": "n.id",
    "thread_id": "t + 1",
    "author_id": "CASE WHEN i % 10 = 3 THEN 1 ELSE i / 5 + 1 END",
    "parent_id": "CASE WHEN n.root_id < n.id THEN n.root_id END",
    "root_id": "n.root_id",
    "path": f"{fill.step('n.root_id')} || CASE WHEN n.root_id < n.id THEN {fill.step('n.id')} ELSE '' END",
    "depth": "CASE WHEN n.root_id < n.id THEN 1 ELSE 0 END",
    "status": "n.status",
    "approved_descendants": "CASE WHEN n.status = 'approved' THEN 1 ELSE 0 END",
    "name": "'Reader ' || i / 5",
    "body": "words || ' ' || i",
    "html": "'<p>' || words || ' ' || i || '</p>'",
    "created_at": "now() - (86400 + 3 * (:all - i)) * interval '1 second'",
    "address_index": _hash("address_index", "address_index", f"i % {NETWORKS}"),
    "lane": "CASE WHEN n.status = 'pending' THEN 1 + n.id % 4 ELSE 0 END",
    "cluster": fill.DESK["cluster"],
    "score": "(i % 97) / 100.0",
    "trained_as": "CASE WHEN i % 25 = 7 THEN 'spam' WHEN i % 9 = 0 THEN 'fine' ELSE '' END",
} | {name: _hash(name, "fingerprint") for name in HASHES}
BY_HAND = "n.id % 100 = 0 AND n.status <> 'pending'"
DECISION = {
    "id": "n.id",
    "comment_id": "n.id",
    "from_status": f"CASE WHEN {BY_HAND} THEN 'pending' END",
    "to_status": "n.status",
    "actor": f"CASE WHEN {BY_HAND} THEN 'moderator' ELSE 'screening' END",
    "moderator_id": f"CASE WHEN {BY_HAND} THEN (SELECT min(id) FROM moderator WHERE NOT is_program) END",  # noqa: S608
    "reason": "CASE n.status WHEN 'spam' THEN 'spam' ELSE '' END",
    "made_at": "n.created_at",
}
INDEXES = """
SELECT indexdef FROM pg_indexes WHERE tablename IN ('comment', 'author', 'decision') AND indexname ~ '^(ix|uq)_'
ORDER BY tablename, indexname
"""
NAMES = """
SELECT indexname FROM pg_indexes WHERE tablename IN ('comment', 'author', 'decision') AND indexname ~ '^(ix|uq)_'
"""
