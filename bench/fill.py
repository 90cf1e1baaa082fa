"""Fill a database with as many comments as a bench asks for, written by the database itself."""

from dataclasses import dataclass

from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.models import Site
from app.models.path import DIGITS
from app.moderation import shelves

ORIGIN = "https://bench.example"
# Two sentences as readers write them, of about 200 characters together; the number makes each one another.
SENTENCES = (
    "I was there that night, and the bell rang twice before the ferry left; nobody on the pier said a word.",
    "それは本当にその通りだと思います。鐘の音を聞いた夜のことを、いまでも覚えています。",
)


@dataclass(frozen=True)
class Shape:
    """So many threads with so many comments each; `busy` hangs all of a thread below its first comment."""

    threads: int
    comments: int
    busy: bool = False


def page_of(number: int) -> str:
    return f"{ORIGIN}/story/{number}"


def site(app: Flask, **settings: object) -> None:
    """The site that all comments are on; it publishes at once and counts no floods."""
    quiet = {"hold_all": False, "approvals_needed": 0, "flood_per_author": 0, "flood_per_address": 0}
    with app.app_context():
        db.session.add(Site(key="bench", name="Bench", lang="en", origins=[ORIGIN], **(quiet | settings)))
        db.session.commit()


def fill(app: Flask, shape: Shape, first: int) -> None:
    """Write threads number `first` and on, and let PostgreSQL look at what it has."""
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
            # What is written is right by its making; to look up four foreign keys for each row takes most of the time.
            # The trigger that tells search of new comments is off with them.
            run(text("SET LOCAL session_replication_role = replica"))
        for statement in (THREADS, AUTHORS, COMMENTS):
            words = {"parent": BUSY if shape.busy else USUAL, "moment": MOMENT[db.engine.dialect.name]}
            series = SERIES.format({THREADS: ":count", AUTHORS: ":all / 5 + 1", COMMENTS: ":all"}[statement])
            run(text(statement.format(series=series, root=_step("root_id"), own=_step("id"), **words)), given)
        if postgres:
            run(text("INSERT INTO unshelved (comment_id) SELECT id FROM comment WHERE id > :comments"), given)
        for table in TABLES if postgres else ():
            run(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))  # noqa: S608
        db.session.commit()
        shelve()
        if postgres:
            # As its autovacuum does. SQLite's tables are never looked at, for nothing in the service does that.
            run(text("ANALYZE"))
            db.session.commit()


def shelve() -> None:
    """What the worker does when many comments have come."""
    for number in shelves.due():
        shelves.make(number)
        db.session.commit()


def _step(id: str) -> str:
    """A step of a path (app/models/path.py) in SQL: nine digits of base 32."""
    return " || ".join(f"substr('{DIGITS}', (({id} >> {5 * at}) & 31) + 1, 1)" for at in range(8, -1, -1))


TABLES = ("thread", "author", "comment")
SERIES = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {})"
MOMENT = {
    "sqlite": "datetime('now', '-' || (86400 + 10 * (:all - i)) || ' seconds')",
    "postgresql": "now() - (86400 + 10 * (:all - i)) * interval '1 second'",
}
# How far before a comment stands the one that it answers: `k` is its number in its thread.
USUAL, BUSY = "CASE WHEN k % 3 = 2 THEN 1 ELSE 0 END", "k"

THREADS = """
INSERT INTO thread (id, site_id, key, url, title, open, visible, version, approved_count, created_at)
{series} SELECT :threads + i + 1, :site, :page || (:first + i), :page || (:first + i), 'Story', true, true, 1,
    :each - ((i + 1) * :each / 100 - i * :each / 100), CURRENT_TIMESTAMP FROM n
"""
AUTHORS = """
INSERT INTO author (id, site_id, name, email, website, created_at)
{series} SELECT :authors + i + 1, :site, 'Reader ' || i, '', '', CURRENT_TIMESTAMP FROM n
"""
# Every third answers the one before it, every hundredth waits for a moderator, five are by one author.
COMMENTS = """
INSERT INTO comment (id, site_id, thread_id, author_id, parent_id, root_id, path, depth, status, version, places,
    reasons, name, website, body, html, renderer, lang, created_at, address, address_index, fingerprint, text_key,
    lane, cluster)
{series}, numbered AS (SELECT i, i / :each AS t, i % :each AS k, :comments + i + 1 AS id FROM n),
placed AS (SELECT *, id - ({parent}) AS root_id, i % 100 <> 99 AS public FROM numbered)
SELECT id, :site, :threads + t + 1, :authors + i / 5 + 1, CASE WHEN root_id < id THEN root_id END, root_id,
    {root} || CASE WHEN root_id < id THEN {own} ELSE '' END, CASE WHEN root_id < id THEN 1 ELSE 0 END,
    CASE WHEN public THEN 'approved' ELSE 'pending' END, 1, CASE WHEN public THEN 1 ELSE 0 END,
    '[]', 'Reader ' || (i / 5), '', :en || ' ' || :ja || ' ' || i, '<p>' || :en || ' ' || :ja || ' ' || i || '</p>',
    1, 'en', {moment}, '', 'network ' || (i % 1000), 'words ' || id, 'text ' || id,
    CASE WHEN public THEN 0 ELSE 2 END, ''
FROM placed
"""
