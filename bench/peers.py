"""Other comment services in the same run: Isso from PyPI with the same comments, and any given address.

    python -m bench.peers [NAME=ADDRESS ...]

Isso runs in its own environment as its documentation recommends: gunicorn with four processes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from bench import plain, service
from bench.fill import SENTENCES, Shape, page_of
from bench.measure import Load, Server, heading, line, load, median, need_wrk, serving, session
from bench.posts import BEHIND_A_PROXY, DEFAULT_SITE, Clients, run_load
from bench.reads import thread
from tests.services import below, command_of

COMMENTS = 50
# Goals as multiples of Isso's rate: our goal in posts a second, and Isso's rate on the same machine in the same hour.
GOALS = {1: 211 / 145, 8: 328 / 222, 32: 400 / 228}
# Of Kaiwa's processor time for a comment to Isso's.
CPU_GOAL = 1.5
SETTINGS = """
[general]
dbpath = {folder}/comments.db
host = http://127.0.0.1/
[guard]
enabled = false
[moderation]
enabled = false
"""


class Peer(NamedTuple):
    """The address of a thread of 50 comments; `post` runs a load of clients and may be missing."""

    thread: str
    post: Callable[[Clients], Load] | None = None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("others", nargs="*", metavar="NAME=ADDRESS", help="the thread of 50 comments somewhere else")
    given = parser.parse_args()
    need_wrk()
    with ExitStack() as stack:
        theirs = stack.enter_context(isso(given.seconds))
        ours = {name: peer for kind in service.DATABASES for name, peer in stack.enter_context(on(kind, given.seconds))}
        others = (each.partition("=") for each in given.others)
        ours |= {name: Peer(address) for name, _, address in others}
        heading("beside Isso, alternating")
        for name, peer in ours.items():
            read = alternate(given.rounds, lambda each: load(each.thread, given.seconds), peer, theirs)
            line(f"{name}: thread of {COMMENTS}", *read)
        # After the reads, because Isso always sends the whole thread.
        for name, peer in ours.items():
            for number, goal in GOALS.items() if peer.post else ():
                posted = alternate(given.rounds, posting(Clients(number)), peer, theirs)
                line(f"{name}: posts, {number} clients", *posted, aim=round(goal, 2))
        for kind in service.DATABASES:
            with by_default(kind, given.seconds) as peer:
                for number in GOALS:
                    clients = Clients(number, text="en")
                    posted = alternate(given.rounds, posting(clients), peer, theirs)
                    line(f"default site, {kind}: {clients}", *posted, note=f"CPU aim {CPU_GOAL}")


def posting(clients: Clients) -> Callable[[Any], Load]:
    return lambda peer: peer.post(clients)


def alternate(rounds: int, measure: Callable[[Any], Load], *peers: Peer) -> Iterator[Load]:
    """The medians of alternating rounds, so a busy second of the machine affects all."""
    loads = [[measure(peer) for peer in peers] for _ in range(rounds)]
    return (median(list(each)) for each in zip(*loads, strict=True))


@contextmanager
def on(kind: str, seconds: int) -> Iterator[list[tuple[str, Peer]]]:
    """Kaiwa and bench/plain.py on a database of that kind."""
    with ExitStack() as stack:
        app = stack.enter_context(service.filled(stack.enter_context(service.database(kind)), Shape(1, COMMENTS)))
        kaiwa = stack.enter_context(service.running(app))
        bare = stack.enter_context(plain.running(stack.enter_context(service.database(kind)), page_of(0)))
        ours, theirs = kaiwa_peer(kaiwa.url, seconds, kaiwa.processes), kaiwa_peer(bare, seconds)
        yield [(f"kaiwa, {kind}", ours), (f"libraries, {kind}", theirs)]


@contextmanager
def by_default(kind: str, seconds: int) -> Iterator[Peer]:
    """Kaiwa with a site as `flask site add` makes it."""
    with (
        service.database(kind) as url,
        service.filled(url, Shape(1, COMMENTS), **DEFAULT_SITE) as app,
        service.running(app, **BEHIND_A_PROXY) as kaiwa,
    ):
        yield kaiwa_peer(kaiwa.url, seconds, lambda: [*kaiwa.processes(), *postgresql()])


def postgresql() -> list[int]:
    return [pid for pid in below(os.getpid()) if "postgres" in command_of(pid)]


def kaiwa_peer(url: str, seconds: int, processes: Callable[[], list[int]] = list) -> Peer:
    return Peer(url + thread(), lambda clients: run_load(url, clients, seconds, processes))


@contextmanager
def isso(seconds: int) -> Iterator[Peer]:
    """Isso with a thread of the same comments."""
    with tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder, running_isso(Path(folder)) as (url, processes):
        post = partial(load, url, seconds, script="isso.lua", processes=processes)
        yield Peer(
            f"{url}/?uri=%2Fstory%2F0", lambda clients: post(connections=clients.number, arguments=(clients.text,))
        )


@contextmanager
def running_isso(folder: Path) -> Iterator[Server]:
    python = installed(folder / "venv", "isso", "gunicorn")
    settings = folder / "isso.cfg"
    settings.write_text(SETTINGS.format(folder=folder))
    command = f"{python} -m gunicorn --workers 4 --preload --bind 127.0.0.1:{{port}} isso.run"
    with serving(command, os.environ | {"ISSO_SETTINGS": str(settings)}) as (pid, url):
        for number in range(COMMENTS):
            post_comment(url, f"{SENTENCES[0]} {SENTENCES[1]} {number}")
        yield Server(url, lambda: session(pid))


def installed(folder: Path, *packages: str) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "--quiet", "install", *packages], check=True, stdout=sys.stderr)
    return python


def post_comment(url: str, text: str) -> None:
    body = json.dumps({"author": "Reader", "text": text, "title": "Story"}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/new?uri=%2Fstory%2F0", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass


if __name__ == "__main__":
    main()
