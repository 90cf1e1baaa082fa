"""Look up accounts and pages of an export on disk, so that memory use stays constant."""

import json
import sqlite3
from typing import Self


class Lookup:
    """Texts by key; the first value of a key counts. The file has no name, so it never stays behind."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("CREATE TABLE known (key TEXT PRIMARY KEY, texts TEXT) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._db.close()

    def put(self, key: str, *texts: str) -> None:
        self._db.execute("INSERT INTO known VALUES (?, ?) ON CONFLICT DO NOTHING", (key, json.dumps(texts)))

    def add(self, key: str) -> bool:
        """True if the key is new."""
        added = self._db.execute("INSERT INTO known VALUES (?, '[]') ON CONFLICT DO NOTHING", (key,)).rowcount
        return added > 0

    def get(self, key: str) -> list[str] | None:
        found = self._db.execute("SELECT texts FROM known WHERE key=?", (key,)).fetchone()
        return json.loads(found[0]) if found else None
