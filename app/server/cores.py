"""A processor core of its own for each process of the web server."""

import os
import socket
import sys


class Core:
    """One that none of this process's siblings has, as long as this is kept; or none in particular.

    The threads that run Python take turns with its one lock all the time, and on two cores each turn leaves behind what
    the other had in its caches (docs/decisions/0002-web-server.md). Only where there are as many cores as `processes`,
    for these must not crowd some of many; and on Linux.
    """

    def __init__(self, processes: int) -> None:
        cores = os.sched_getaffinity(0) if sys.platform == "linux" else set[int]()
        free = cores if len(cores) == processes > 1 else set[int]()
        taken: tuple[socket.socket | None, int | None] | None = next(filter(None, map(_seat_at, sorted(free))), None)
        self._seat, self.number = taken or (None, None)

    def stay(self) -> None:
        """Keep the calling thread on it, and the threads that it begins."""
        if self.number is not None:
            os.sched_setaffinity(0, {self.number})


def _seat_at(core: int) -> tuple[socket.socket, int] | None:
    """None where a sibling has it, or where this machine lets nobody choose."""
    seat = socket.socket(socket.AF_UNIX)
    try:
        # A name of Linux's without a file: whoever holds it loses it when she ends, however that comes.
        seat.bind(f"\0kaiwa {os.getppid()} {core}")
        # Changes nothing, but fails here, and not in a thread that begins later, where to choose is forbidden.
        os.sched_setaffinity(0, os.sched_getaffinity(0))
    except OSError:
        seat.close()
        return None
    return seat, core
