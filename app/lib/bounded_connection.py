"""psycopg's connection, with a deadline for every answer of the server."""

from contextlib import suppress
from functools import lru_cache
from math import inf
from typing import Any

from app.lib import deadline

# To tell the server that the statement is not wanted any more; a server that hangs does not hear it.
CANCEL_S = 1.0


@lru_cache
def bounded(psycopg: Any) -> type:
    """A class of psycopg's connections that does so.

    The deadline is kept on our side: a server that is stopped cannot keep it, and behind pgbouncer in transaction mode
    `SET statement_timeout` would be another client's too. It costs no statement.
    """
    return type("BoundedConnection", (Bounded, psycopg.Connection), {"psycopg": psycopg})


class Bounded:
    psycopg: Any

    def wait(self, gen: Any, *interval: float, timeout: float | None = None, **more: Any) -> Any:
        left = deadline.left()
        if left == inf:
            return super().wait(gen, *interval, timeout=timeout, **more)  # type: ignore[misc]
        try:
            return super().wait(gen, *interval, timeout=left, **more)  # type: ignore[misc]
        except self.psycopg.errors._WaitTimeout:
            self._give_up()
            raise self.psycopg.OperationalError("the deadline of the request has passed") from None

    def _give_up(self) -> None:
        """An unfinished transaction is rolled back by the server when the connection is closed."""
        # Otherwise a statement that waits for a lock would occupy the server until it gets it.
        with suppress(self.psycopg.Error):
            self.cancel_safe(timeout=CANCEL_S)  # type: ignore[attr-defined]
        self.close()  # type: ignore[attr-defined]
