"""Processor time of this program and of a PostgreSQL server, because elapsed times of a busy machine say little."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import stat
from tests.services import Postgres, below


@contextmanager
def timed(what: str, server: Postgres) -> Iterator[None]:
    """Print elapsed seconds, and processor seconds of this program and of the server."""
    began, own, theirs = time.monotonic(), own_cpu(), server_cpu(server)
    yield
    elapsed, own, theirs = time.monotonic() - began, own_cpu() - own, server_cpu(server) - theirs
    print(f"{what:40}{elapsed:9.1f} s{own:9.2f} CPU s here{theirs:9.2f} in the server", flush=True)


def own_cpu() -> float:
    """Seconds of this process, and of its children that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def server_cpu(server: Postgres) -> float:
    """Seconds of all processes of a server, with those that have ended."""
    first = int((server.sockets / "data/postmaster.pid").read_text().split()[0])
    ended = sum(int(ticks) for ticks in stat(first)[15:17]) / os.sysconf("SC_CLK_TCK")
    return ended + sum(_nanoseconds(pid) for pid in (first, *below(first))) / 1e9


def _nanoseconds(pid: int) -> int:
    """Finer than the ticks of /proc/PID/stat: most requests need less than one."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except OSError:  # it has ended
        return 0
