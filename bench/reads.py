"""Reads: cached answers beside constant bytes of the same server and a static file of nginx; first renders."""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from bench import plain, service
from bench.constant import Answer, configured, fetch
from bench.fill import Shape, page_of
from bench.measure import Load, Server, heading, line, load, median, need_wrk, serving, session
from tests.services import Live, below, command_of, free_port
from tests.test_deploying import running_nginx

# Goals: ratios of processor time for the first two, requests a second for the others (other services on this kind of
# machine).
HIT, BEHIND_NGINX, MISS, COUNTS = 0.9, 0.9, 1_300, 9_100
PAGES = 20
SERVER = "{python} -m granian --interface rsgi --no-ws --http 1 --workers 2 --log-level error --port {{port}}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    need_wrk()
    heading("reads, 32 connections")
    with service.database("sqlite") as url, service.filled(url, Shape(PAGES, 50)) as app:
        with service.running(app) as kaiwa:
            for name, path, encoding in cases():
                answer, whole = fetch(kaiwa.url + path, encoding), Server(kaiwa.url + path, web_of(kaiwa))
                with constant(answer) as same:
                    ours, base = alternate(whole, same, given.seconds, given.rounds, encoding)
                line(f"{name}, {len(answer[1]) / 1024:.1f} KB", ours, base, aim=HIT)
            behind_nginx(kaiwa, given.seconds, given.rounds)
        with service.running(app, PAGE_CACHE_MB="0") as bare:
            first_renders(bare.url, given.seconds, given.rounds)


def first_renders(service_url: str, seconds: int, rounds: int) -> None:
    """Without the page cache; a thread beside bench/plain.py."""
    with service.database("sqlite") as url, plain.running(url, page_of(0)) as base:
        ours, theirs = alternate(Server(service_url + thread()), Server(base + thread()), seconds, rounds)
    line("thread, rendered each time", ours, theirs, note=f"others {MISS:,}/s")
    counted = median([load(service_url + counts(), seconds) for _ in range(rounds)])
    line(f"counts of {PAGES} pages, rendered each time", counted, note=f"others {COUNTS:,}/s")


def thread(number: int = 0) -> str:
    return f"/embed/thread?site=bench&lang=en&url={quote(page_of(number), safe='')}"


def counts() -> str:
    return "/embed/counts?site=bench" + "".join(f"&url={quote(page_of(number), safe='')}" for number in range(PAGES))


def cases() -> Iterator[tuple[str, str, str]]:
    yield "thread of 50", thread(), ""
    yield "thread of 50, brotli", thread(), "br"
    yield f"counts of {PAGES} pages", counts(), ""
    yield "embed.js, brotli", "/embed.js", "br"


def web_of(kaiwa: Live) -> Callable[[], list[int]]:
    """The processes that answer requests."""
    return lambda: kaiwa.processes("granian")


def alternate(ours: Server, base: Server, seconds: int, rounds: int, encoding: str = "") -> tuple[Load, Load]:
    """The medians of alternating rounds, so a busy second of the machine affects both."""
    loads = [
        [load(each.url, seconds, encoding=encoding, processes=each.processes) for each in (ours, base)]
        for _ in range(rounds)
    ]
    return median([pair[0] for pair in loads]), median([pair[1] for pair in loads])


@contextmanager
def constant(answer: Answer) -> Iterator[Server]:
    """A server that sends these bytes for every request."""
    command = SERVER.format(python=sys.executable) + " --factory bench.constant:application"
    with configured(answer) as environment, serving(command, environment) as (pid, url):
        yield Server(url, lambda: session(pid))


def behind_nginx(kaiwa: Live, seconds: int, rounds: int) -> None:
    """Behind nginx with the documented configuration, beside a static file of the same nginx."""
    if not (shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")):
        print("nginx is not installed: sudo apt install nginx-light")
        return
    with tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder:
        Path(folder).chmod(0o755)
        port = free_port()
        # Placed before the documented servers.
        also = f"server {{ listen 127.0.0.1:{port}; root {folder}; }}"
        with running_nginx(Path(folder), kaiwa.url, also=also) as nginx:
            for name, encoding in (("thread behind nginx", ""), ("thread behind nginx, brotli", "br")):
                body = fetch(kaiwa.url + thread(), encoding)[1]
                (Path(folder) / "thread.html").write_bytes(body)
                whole = Server(nginx + thread(), lambda: [*nginx_processes(), *kaiwa.processes("granian")])
                static = Server(f"http://127.0.0.1:{port}/thread.html", nginx_processes)
                ours, base = alternate(whole, static, seconds, rounds, encoding)
                line(f"{name}, {len(body) / 1024:.1f} KB", ours, base, aim=BEHIND_NGINX)


def nginx_processes() -> list[int]:
    return [pid for pid in below(os.getpid()) if "nginx" in command_of(pid)]


if __name__ == "__main__":
    main()
