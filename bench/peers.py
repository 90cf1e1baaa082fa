"""Others on this machine in the same run: Isso from PyPI with the same comments, and whatever stands at an address.

    python -m bench.peers [NAME=ADDRESS ...]

Isso is installed into an environment of its own and runs as its documents recommend: gunicorn with four processes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import service
from bench.fill import SENTENCES, Shape
from bench.measure import heading, line, load, need_wrk, serving
from bench.posts import CLIENTS, press
from bench.reads import thread

COMMENTS = 50
SETTINGS = """
[general]
dbpath = {folder}/comments.db
host = http://127.0.0.1/
[guard]
enabled = false
[moderation]
enabled = false
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("others", nargs="*", metavar="NAME=ADDRESS", help="the thread of 50 comments somewhere else")
    given = parser.parse_args()
    need_wrk()
    seconds = given.seconds
    # One after the other: what is not measured must not take part of the machine.
    with tempfile.TemporaryDirectory(prefix="kaiwa-bench-") as folder, isso(Path(folder)) as url:
        theirs = {f"thread of {COMMENTS}": load(f"{url}/?uri=%2Fstory%2F0", seconds)}
        theirs |= {posts(clients): load(url, seconds, connections=clients, script="isso.lua") for clients in CLIENTS}
    with (
        service.database("sqlite") as url,
        service.filled(url, Shape(1, COMMENTS)) as app,
        service.running(app) as kaiwa,
    ):
        ours = {f"thread of {COMMENTS}": load(kaiwa.url + thread(), seconds)}
        ours |= {posts(clients): press(kaiwa.url, 1, clients, seconds) for clients in CLIENTS}
    heading("beside Isso")
    for name, load_of_ours in ours.items():
        line(name, load_of_ours, theirs[name])
    for other in given.others:
        name, _, address = other.partition("=")
        line(f"thread, {name}", ours[f"thread of {COMMENTS}"], load(address, seconds))


def posts(clients: int) -> str:
    return f"posts, {clients} clients"


@contextmanager
def isso(folder: Path) -> Iterator[str]:
    """The address of Isso with a thread of the same comments."""
    python = installed(folder / "venv", "isso", "gunicorn")
    settings = folder / "isso.cfg"
    settings.write_text(SETTINGS.format(folder=folder))
    command = f"{python} -m gunicorn --workers 4 --preload --bind 127.0.0.1:{{port}} isso.run"
    with serving(command, os.environ | {"ISSO_SETTINGS": str(settings)}) as (_, url):
        for number in range(COMMENTS):
            say(url, f"{SENTENCES[0]} {SENTENCES[1]} {number}")
        yield url


def installed(folder: Path, *packages: str) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "--quiet", "install", *packages], check=True, stdout=sys.stderr)
    return python


def say(url: str, text: str) -> None:
    body = json.dumps({"author": "Reader", "text": text, "title": "Story"}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/new?uri=%2Fstory%2F0", body, headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310
        pass


if __name__ == "__main__":
    main()
