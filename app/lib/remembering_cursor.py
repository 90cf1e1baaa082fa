"""psycopg's cursor, which remembers what the columns of a statement are."""

from functools import lru_cache
from typing import Any, ClassVar

# A service asks some hundred questions; a list of values in one of them may have any length.
MOST = 1_000


@lru_cache
def remembering(cursor: type) -> type:
    """A class of psycopg's cursors that does so; without psycopg, which SQLite can do without, nothing is loaded."""
    return type("RememberingCursor", (Remembering, cursor), {})


class Remembering:
    """SQLAlchemy asks for them after every statement, and needs them once.

    To describe the 57 of a site and a page took a twentieth of a comment (py-spy, 2026-11-28). The type of a column may
    change as long as its name does not.
    """

    known: ClassVar[dict[tuple[Any, int], Any]] = {}
    _asked: Any = None

    def execute(self, query: Any, *values: Any, **options: Any) -> Any:
        self._asked = query
        return super().execute(query, *values, **options)  # type: ignore[misc]

    def executemany(self, query: Any, *values: Any, **options: Any) -> None:
        self._asked = query
        super().executemany(query, *values, **options)  # type: ignore[misc]

    @property
    def description(self) -> Any:
        result: Any = self.pgresult  # type: ignore[attr-defined]
        if not (result and result.nfields):
            return super().description  # type: ignore[misc]
        return self.known.get((self._asked, result.nfields)) or self._remembered(result.nfields)

    def _remembered(self, columns: int) -> Any:
        if len(self.known) >= MOST:
            self.known.clear()
        return self.known.setdefault((self._asked, columns), super().description)  # type: ignore[misc]
