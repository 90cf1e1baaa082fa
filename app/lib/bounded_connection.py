"""A psycopg connection with a deadline for each answer of the server."""

from contextlib import suppress
from functools import lru_cache
from math import inf
from typing import Any

from app.lib import deadline

# A hanging server does not answer a cancel request.
CANCEL_S = 1.0


@lru_cache
def bounded(psycopg: Any) -> type:
    """Return the connection class.

    The client enforces the deadline: a stopped server cannot, and behind pgbouncer `SET statement_timeout` would affect
    other clients.
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
        """The server rolls the transaction back when the connection is closed."""
        # Otherwise a statement would wait for its lock on the server.
        with suppress(self.psycopg.Error):
            self.cancel_safe(timeout=CANCEL_S)  # type: ignore[attr-defined]
        self.close()  # type: ignore[attr-defined]


def is_cut_off(trouble: Any) -> bool:
    """True if the connection ended in place of an answer, as a pooler ends it during a failover.

    psycopg's InternalError "got no result from the query", without a state.
    """
    return type(trouble).__name__ == "InternalError" and not getattr(trouble, "sqlstate", None)
