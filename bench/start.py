"""What the service weighs and how long it takes to start: idle, after reads, after posts."""

import argparse
import time
from pathlib import Path

from bench import service
from bench.fill import Shape
from bench.measure import load, need_wrk, resident
from bench.posts import Clients, press
from bench.reads import thread
from tests.services import Live


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    seconds = parser.parse_args().seconds
    need_wrk()
    print(f"\n{'start and memory':44}")
    with service.database("sqlite") as url, service.filled(url, Shape(20, 50)) as app:
        began = time.monotonic()
        with service.running(app) as kaiwa:
            told("`flask db upgrade`, then ready, seconds", f"{time.monotonic() - began:.1f}")
            told("resident MiB of each web process, idle", weights(kaiwa))
            load(kaiwa.url + thread(), seconds)
            told("  after reads", weights(kaiwa))
            press(kaiwa.url, Clients(8), seconds)
            told("  after posts", weights(kaiwa))
            told("  all processes together, worker and supervisor too", f"{sum(map(resident, kaiwa.processes())):.0f}")


def told(what: str, figure: str) -> None:
    print(f"{what:44}{figure:>20}", flush=True)


def weights(kaiwa: Live) -> str:
    """Of those that answer requests: each has memory of its own beside what all share (proc(5), smaps_rollup)."""
    parents = {int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in web(kaiwa)}
    return " ".join(f"{resident(pid):.0f}" for pid in web(kaiwa) if pid not in parents)


def web(kaiwa: Live) -> list[int]:
    return kaiwa.processes("granian") + kaiwa.processes("multiprocessing")


if __name__ == "__main__":
    main()
