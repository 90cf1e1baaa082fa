"""Time to the first answer, and memory: idle, after reads, after posts."""

import argparse
import time
from pathlib import Path

from bench import service
from bench.fill import Shape
from bench.measure import load, need_wrk, resident
from bench.posts import Clients, run_load
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
            print_row("`flask db upgrade`, then ready, seconds", f"{time.monotonic() - began:.1f}")
            print_row("resident MiB of each web process, idle", memory(kaiwa))
            load(kaiwa.url + thread(), seconds)
            print_row("  after reads", memory(kaiwa))
            run_load(kaiwa.url, Clients(8), seconds)
            print_row("  after posts", memory(kaiwa))
            print_row("  all processes, with worker and supervisor", f"{sum(map(resident, kaiwa.processes())):.0f}")


def print_row(what: str, figure: str) -> None:
    print(f"{what:44}{figure:>20}", flush=True)


def memory(kaiwa: Live) -> str:
    """MiB of each process that answers requests."""
    parents = {int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in web_processes(kaiwa)}
    return " ".join(f"{resident(pid):.0f}" for pid in web_processes(kaiwa) if pid not in parents)


def web_processes(kaiwa: Live) -> list[int]:
    return kaiwa.processes("granian") + kaiwa.processes("multiprocessing")


if __name__ == "__main__":
    main()
