"""A processor core of its own for each process of the web server."""

import os
import socket
import sys


def take_one(processes: int) -> socket.socket | None:
    """Keep this process, and the threads that it begins from now on, on a core that none of its siblings has.

    Its threads take turns with Python's one lock all the time; on two cores each turn leaves behind what the other had
    in its caches (docs/decisions/0002-web-server.md). Only where there are as many cores as processes, for these must
    not crowd some of many; and on Linux. The core is ours as long as what is returned is kept.
    """
    cores = os.sched_getaffinity(0) if sys.platform == "linux" else set[int]()
    if not len(cores) == processes > 1:
        return None
    for core in sorted(cores):
        seat = socket.socket(socket.AF_UNIX)
        try:
            # A name of Linux's without a file: whoever holds it loses it when she ends, however that comes.
            seat.bind(f"\0kaiwa {os.getppid()} {core}")
            os.sched_setaffinity(0, {core})
        except OSError:  # a sibling's, or none that this machine lets us choose
            seat.close()
        else:
            return seat
    return None
