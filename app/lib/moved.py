"""The error of a database that has moved to another one: its triggers raise it (operations/move_source.py)."""

import sqlite3

MOVED = "Kaiwa has moved to another database"


def is_of_a_moved_database(trouble: BaseException) -> bool:
    """SQLite's error; PostgreSQL's has a code that requests answer with 503 anyway."""
    return isinstance(trouble, sqlite3.IntegrityError) and str(trouble) == MOVED
