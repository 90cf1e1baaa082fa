"""Reads: ready bytes beside the same bytes as a constant of the same server, and as a file of nginx; first renders."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from bench import plain, service
from bench.constant import Answer, fetched, told
from bench.fill import Shape, page_of
from bench.measure import Load, heading, line, load, median, need_wrk, serving
from tests.services import free_port
from tests.test_deploying import running_nginx

# What we are measured against (the figures for others, on this kind of machine).
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
            for name, path, encoding in asked():
                answer = fetched(kaiwa.url + path, encoding)
                with constant(answer) as same:
                    ours, base = beside(kaiwa.url + path, same, given.seconds, given.rounds, encoding)
                line(f"{name}, {len(answer[1]) / 1024:.1f} KB", ours, base, aim=HIT)
            behind_nginx(kaiwa.url, given.seconds, given.rounds)
        with service.running(app, EDGE_MB="0") as bare:
            drawn(bare.url, given.seconds, given.rounds)


def drawn(service_url: str, seconds: int, rounds: int) -> None:
    """What is not ready; a thread beside one of the same libraries, and nothing else, on the same server."""
    with service.database("sqlite") as url, plain.running(url, page_of(0)) as base:
        ours, theirs = beside(service_url + thread(), base + thread(), seconds, rounds)
    line("thread, drawn each time", ours, theirs, note=f"others {MISS:,}/s")
    counted = median([load(service_url + counts(), seconds) for _ in range(rounds)])
    line(f"counts of {PAGES} pages, drawn each time", counted, note=f"others {COUNTS:,}/s")


def thread() -> str:
    return f"/embed/thread?site=bench&lang=en&url={quote(page_of(0), safe='')}"


def counts() -> str:
    return "/embed/counts?site=bench" + "".join(f"&url={quote(page_of(number), safe='')}" for number in range(PAGES))


def asked() -> Iterator[tuple[str, str, str]]:
    yield "thread of 50", thread(), ""
    yield "thread of 50, brotli", thread(), "br"
    yield f"counts of {PAGES} pages", counts(), ""
    yield "embed.js, brotli", "/embed.js", "br"


def beside(ours: str, base: str, seconds: int, rounds: int, encoding: str = "") -> tuple[Load, Load]:
    """Both in turns, so that a busy minute of the machine meets both."""
    pairs = [(load(ours, seconds, encoding=encoding), load(base, seconds, encoding=encoding)) for _ in range(rounds)]
    return median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])


@contextmanager
def constant(answer: Answer) -> Iterator[str]:
    """The address of the same server that gives these bytes to everybody."""
    command = SERVER.format(python=sys.executable) + " --factory bench.constant:application"
    with told(answer) as environment, serving(command, environment) as (_, url):
        yield url


def behind_nginx(service_url: str, seconds: int, rounds: int) -> None:
    """The documented configuration, beside the same nginx with the same bytes as a file."""
    if not (shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")):
        print("nginx is not installed: sudo apt install nginx-light")
        return
    with tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder:
        Path(folder).chmod(0o755)
        port = free_port()
        body = fetched(service_url + thread())[1]
        (Path(folder) / "thread.html").write_bytes(body)
        # Named before the documented servers: another port, and nothing but the file.
        also = f"server {{ listen 127.0.0.1:{port}; root {folder}; }}"
        with running_nginx(Path(folder), service_url, also=also) as nginx:
            ours, base = beside(nginx + thread(), f"http://127.0.0.1:{port}/thread.html", seconds, rounds)
    line(f"thread behind nginx, {len(body) / 1024:.1f} KB", ours, base, aim=BEHIND_NGINX)


if __name__ == "__main__":
    main()
