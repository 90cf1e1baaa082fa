"""Time to the first answer, and memory: idle, after reads, after posts."""

import argparse
import time
from pathlib import Path

from flask import Flask

from bench import service
from bench.fill import Shape
from bench.measure import load, need_wrk, resident, resident_whole
from bench.posts import Clients, run_load
from bench.reads import thread
from tests.services import Live, command_of

# MiB, proportional set sizes.
TOGETHER = 350


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    seconds = parser.parse_args().seconds
    need_wrk()
    print(f"\n{'start and memory':44}")
    with service.database("sqlite") as url, service.filled(url, Shape(20, 50)) as app:
        starts = " ".join(f"{first_answer(app):.1f}" for _ in range(3))
        print_row("`flask serve`, then the first answer, seconds", starts)
        with service.running(app) as kaiwa:
            print_row("resident MiB of each web process, idle", memory(kaiwa))
            load(kaiwa.url + thread(), seconds)
            print_row("  after reads", memory(kaiwa))
            run_load(kaiwa.url, Clients(8), seconds)
            print_row("  after posts", memory(kaiwa))
            everything = [kaiwa.process.pid, *kaiwa.processes()]
            for each in everything:
                print_row(f"  {name_of(each)}", f"{resident(each):.0f} ({resident_whole(each):.0f} with shared pages)")
            together, whole = (sum(map(kind, everything)) for kind in (resident, resident_whole))
            print_row("  all processes together", f"{together:.0f} ({whole:.0f}), aim {TOGETHER}")


def first_answer(app: Flask) -> float:
    """Seconds from the start of the supervisor to the first answer; the database has its tables."""
    began = time.monotonic()
    with service.running(app):
        return time.monotonic() - began


def name_of(pid: int) -> str:
    words = command_of(pid).split()
    return " ".join(word.rpartition("/")[2] for word in words[1:5])[:40]


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
