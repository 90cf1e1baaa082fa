"""Fill a database with generated comments by SQL."""

from dataclasses import dataclass

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.models import Site
from app.models.path import DIGITS
from app.search import index

ORIGIN = "https://bench.example"
# Together about 200 characters; a number makes each comment unique.
SENTENCES = (
    "I was there that night, and the bell rang twice before the ferry left; nobody on the pier said a word.",
    "それは本当にその通りだと思います。鐘の音を聞いた夜のことを、いまでも覚えています。",
)


@dataclass(frozen=True)
class Shape:
    """A number of threads with `comments` each; with `busy`, all comments of a thread are below its first one.

    With `desk`, two of 25 comments are pending, in four lanes, one is spam, all have a score, and every tenth is by one
    author; `comments` must be a multiple of 25.
    """

    threads: int
    comments: int
    busy: bool = False
    desk: bool = False


def page_of(number: int) -> str:
    return f"{ORIGIN}/story/{number}"


def site(app: Flask, **settings: object) -> None:
    """A site that publishes at once, without flood limits."""
    quiet = {
        "hold_all": False, "approvals_needed": 0, "min_seconds": 0,
        "flood_per_author": 0, "daily_per_author": 0, "flood_per_address": 0,
    }  # fmt: skip
    with app.app_context():
        db.session.add(Site(key="bench", name="Bench", lang="en", origins=[ORIGIN], **(quiet | settings)))
        db.session.commit()


def fill(app: Flask, shape: Shape, first: int) -> None:
    """Insert threads, numbered from `first`, and analyze the tables on PostgreSQL."""
    with app.app_context():
        run = db.session.execute
        highest = {table: run(text(f"SELECT coalesce(max(id), 0) FROM {table}")).scalar_one() for table in TABLES}  # noqa: S608
        given = {f"{table}s": id for table, id in highest.items()} | {
            "site": run(text("SELECT id FROM site WHERE key = 'bench'")).scalar_one(),
            "first": first,
            "count": shape.threads,
            "each": shape.comments,
            "all": shape.threads * shape.comments,
            "page": page_of(0)[:-1],
            "en": SENTENCES[0],
            "ja": SENTENCES[1],
        }
        postgres = db.engine.dialect.name == "postgresql"
        if postgres:
            # Without foreign key checks, which take most of the time, and without the trigger of the search index.
            run(text("SET LOCAL session_replication_role = replica"))
        for statement in (THREADS, AUTHORS, COMMENTS):
            words = {"parent": BUSY if shape.busy else USUAL, "moment": MOMENT[db.engine.dialect.name]}
            words |= DESK if shape.desk else READERS
            series = SERIES.format({THREADS: ":count", AUTHORS: ":all / 5 + 1", COMMENTS: ":all"}[statement])
            run(text(statement.format(series=series, root=step("root_id"), own=step("id"), **words)), given)
        if postgres:
            run(text("INSERT INTO dirty_comment (comment_id) SELECT id FROM comment WHERE id > :comments"), given)
        for table in TABLES if postgres else ():
            run(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))  # noqa: S608
        db.session.commit()
        reindex()
        if postgres:
            # Like autovacuum. The service never runs ANALYZE on SQLite.
            run(text("ANALYZE"))
            db.session.commit()


def work_at_the_desk(app: Flask, moderator: int) -> None:
    """Insert decisions on all comments, and reports, emails and aliases."""
    with app.app_context():
        run, postgres = db.session.execute, db.engine.dialect.name == "postgresql"
        if postgres:
            run(text("SET LOCAL session_replication_role = replica"))
        for statement in (DECISIONS, REPORTS, DELIVERIES, ALIASES):
            run(text(statement), {"moderator": moderator} if ":moderator" in statement else {})
        if postgres:
            run(text("SELECT setval('decision_id_seq', (SELECT max(id) FROM decision))"))
        db.session.commit()
        if postgres:
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))


def reindex() -> None:
    """Index new comments, like the worker."""
    for number in index.dirty_segments():
        index.build(number)
        db.session.commit()


def step(id: str) -> str:
    """A step of a path (app/models/path.py) in SQL: 64 bits as nine digits of base 32."""
    digits = (f"substr('{DIGITS}', CAST(({id} >> {5 * at}) & 31 AS integer) + 1, 1)" for at in range(8, -1, -1))
    return " || ".join(digits)


TABLES = ("thread", "author", "comment")
SERIES = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {})"
MOMENT = {
    "sqlite": "datetime('now', '-' || (86400 + 10 * (:all - i)) || ' seconds')",
    "postgresql": "now() - (86400 + 10 * (:all - i)) * interval '1 second'",
}
# Distance from a reply to its parent; `k` is its number in its thread.
USUAL, BUSY = "CASE WHEN k % 3 = 2 THEN 1 ELSE 0 END", "k"

THREADS = """
INSERT INTO thread (id, site_id, key, url, title, state, version, approved_count, created_at)
{series} SELECT :threads + i + 1, :site, :page || (:first + i), :page || (:first + i), 'Story', 'open', 1,
    {approved}, CURRENT_TIMESTAMP FROM n
"""
AUTHORS = """
INSERT INTO author (id, site_id, name, email, email_index, website, created_at)
{series} SELECT :authors + i + 1, :site, 'Reader ' || i, '', 'email ' || (:authors + i), '', CURRENT_TIMESTAMP FROM n
"""
# Every third is a reply to the one before; five are by one author.
COMMENTS = """
INSERT INTO comment (id, site_id, thread_id, author_id, parent_id, root_id, path, depth, status, version,
    approved_descendants,
    reasons, name, website, body, html, renderer, lang, created_at, address, address_index, fingerprint, text_key,
    lane, cluster, score, trained_as)
{series}, numbered AS (SELECT i, i / :each AS t, i % :each AS k, CAST(:comments + i + 1 AS bigint) AS id FROM n),
placed AS (SELECT *, id - ({parent}) AS root_id, {status} AS status FROM numbered)
SELECT id, :site, :threads + t + 1, {author}, CASE WHEN root_id < id THEN root_id END, root_id,
    {root} || CASE WHEN root_id < id THEN {own} ELSE '' END, CASE WHEN root_id < id THEN 1 ELSE 0 END,
    status, 1, CASE WHEN status = 'approved' THEN 1 ELSE 0 END,
    '[]', 'Reader ' || (i / 5), '', :en || ' ' || :ja || ' ' || i, '<p>' || :en || ' ' || :ja || ' ' || i || '</p>',
    1, 'en', {moment}, '', 'network ' || (i % 1000), 'words ' || id, 'text ' || id,
    CASE WHEN status = 'pending' THEN {lane} ELSE 0 END, {cluster}, {score}
FROM placed
"""
# Every hundredth comment is pending, unless `Shape.desk`.
READERS = {
    "approved": ":each - ((i + 1) * :each / 100 - i * :each / 100)",
    "author": ":authors + i / 5 + 1",
    "status": "CASE WHEN i % 100 <> 99 THEN 'approved' ELSE 'pending' END",
    "lane": "2",
    "cluster": "''",
    "score": "NULL, ''",
}
DESK = {
    "approved": ":each - 3 * :each / 25",
    "author": "CASE WHEN i % 10 = 3 THEN 1 ELSE :authors + i / 5 + 1 END",
    "status": "CASE i % 25 WHEN 4 THEN 'pending' WHEN 13 THEN 'pending' WHEN 7 THEN 'spam' ELSE 'approved' END",
    "lane": "1 + id % 4",
    "cluster": "CASE WHEN i % 3 = 0 THEN 'c' || (i % 100) ELSE 'x' || i END",
    "score": "(i % 97) / 100.0, CASE WHEN i % 25 = 7 THEN 'spam' WHEN i % 9 = 0 THEN 'fine' ELSE '' END",
}
# A decision on each comment, a report on every 500th, an email about every tenth.
DECISIONS = """
INSERT INTO decision (id, site_id, comment_id, from_status, to_status, version, actor, moderator_id, reason, note,
    overrides, made_at)
SELECT id, site_id, id, CASE WHEN id % 4 = 0 AND status <> 'pending' THEN 'pending' END, status, 1,
    CASE WHEN id % 4 = 0 AND status <> 'pending' THEN 'moderator' ELSE 'screening' END,
    CASE WHEN id % 4 = 0 AND status <> 'pending' THEN CAST(:moderator AS bigint) END,
    CASE status WHEN 'spam' THEN 'spam' ELSE '' END, '', false, created_at FROM comment
"""
REPORTS = """
INSERT INTO report (site_id, comment_id, reporter_index, reason, note, made_at, comment_version, decision_id)
SELECT site_id, id, 'reader', 'spam', '', created_at, 1, CASE WHEN id % 1000 = 0 THEN id END
FROM comment WHERE id % 500 = 0 AND status = 'approved'
"""
DELIVERIES = """
INSERT INTO delivery (site_id, kind, payload, comment_id, recipient, message_id, created_at, due_at, attempts, done_at,
    outcome, error)
SELECT site_id, 'decided', '', id, 'reader ' || id % 1000, 'message ' || id, created_at, created_at, 1, created_at,
    CASE WHEN id % 100 = 0 THEN 'gave up' ELSE 'sent' END, '' FROM comment WHERE id % 10 = 0
"""
ALIASES = """
INSERT INTO thread_alias (site_id, key, thread_id, made_at)
SELECT site_id, key || '/earlier', id, created_at FROM thread WHERE id % 10 = 0
"""
