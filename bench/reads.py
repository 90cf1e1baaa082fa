"""Reads: cached answers beside constant bytes of the same server and a static file of nginx; first renders."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from bench import plain, service
from bench.constant import Answer, configured, fetch
from bench.fill import Shape, page_of
from bench.measure import Load, heading, line, load, median, need_wrk, serving
from tests.services import free_port
from tests.test_deploying import running_nginx

# Goals: ratios for the first two, requests a second for the others (other services on this kind of machine).
HIT, BEHIND_NGINX, MISS, COUNTS = 0.85, 0.9, 1_300, 9_100
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
                answer = fetch(kaiwa.url + path, encoding)
                with constant(answer) as same:
                    ours, base = alternate(kaiwa.url + path, same, given.seconds, given.rounds, encoding)
                line(f"{name}, {len(answer[1]) / 1024:.1f} KB", ours, base, aim=HIT)
            behind_nginx(kaiwa.url, given.seconds, given.rounds)
        with service.running(app, PAGE_CACHE_MB="0") as bare:
            first_renders(bare.url, given.seconds, given.rounds)


def first_renders(service_url: str, seconds: int, rounds: int) -> None:
    """Without the page cache; a thread beside bench/plain.py."""
    with service.database("sqlite") as url, plain.running(url, page_of(0)) as base:
        ours, theirs = alternate(service_url + thread(), base + thread(), seconds, rounds)
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


def alternate(ours: str, base: str, seconds: int, rounds: int, encoding: str = "") -> tuple[Load, Load]:
    """The medians of alternating rounds, so a busy second of the machine affects both."""
    pairs = [(load(ours, seconds, encoding=encoding), load(base, seconds, encoding=encoding)) for _ in range(rounds)]
    return median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])


@contextmanager
def constant(answer: Answer) -> Iterator[str]:
    """The address of a server that sends these bytes for every request."""
    command = SERVER.format(python=sys.executable) + " --factory bench.constant:application"
    with configured(answer) as environment, serving(command, environment) as (_, url):
        yield url


def behind_nginx(service_url: str, seconds: int, rounds: int) -> None:
    """Behind nginx with the documented configuration, beside a static file of the same nginx."""
    if not (shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")):
        print("nginx is not installed: sudo apt install nginx-light")
        return
    with tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder:
        Path(folder).chmod(0o755)
        port = free_port()
        body = fetch(service_url + thread())[1]
        (Path(folder) / "thread.html").write_bytes(body)
        # Placed before the documented servers.
        also = f"server {{ listen 127.0.0.1:{port}; root {folder}; }}"
        with running_nginx(Path(folder), service_url, also=also) as nginx:
            ours, base = alternate(nginx + thread(), f"http://127.0.0.1:{port}/thread.html", seconds, rounds)
    line(f"thread behind nginx, {len(body) / 1024:.1f} KB", ours, base, aim=BEHIND_NGINX)


if __name__ == "__main__":
    main()
