"""Choose the web server by measuring: the same four routes behind each, on this machine, in one run.

    python -m bench.servers [--seconds 5] [--rounds 3] [SERVER ...]

Needs wrk (apt install wrk). gunicorn and waitress are measured where they are installed, and named where they
are not; only the chosen server is among Kaiwa's requirements.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from flask import Flask

from app.wire import Wire

THREAD = b"<article class=comment>" + b"x" * 11_700  # the size of a thread with 50 comments
WRITE = 0.005  # seconds that a post waits for the disk

GRANIAN = "granian --no-ws --http 1 --port {port} --workers 2"

SERVERS = {
    "granian wire (ours)": f"{GRANIAN} --interface rsgi bench.servers:wire",
    "granian wsgi x1": f"{GRANIAN} --interface wsgi --blocking-threads 1 bench.servers:app",
    "granian wsgi x4": f"{GRANIAN} --interface wsgi --blocking-threads 4 bench.servers:app",
    "granian wsgi default": f"{GRANIAN} --interface wsgi bench.servers:app",
    "gunicorn sync": "gunicorn --workers 2 --bind 127.0.0.1:{port} bench.servers:app",
    "gunicorn gthread x4": "gunicorn -k gthread --workers 2 --threads 4 --bind 127.0.0.1:{port} bench.servers:app",
    "waitress x4": "waitress --listen 127.0.0.1:{port} --threads 4 bench.servers:app",
}

app = Flask(__name__)
wire = Wire(app, largest=1024 * 1024)


@app.get("/hello")
def hello() -> str:
    return "hello"


@app.get("/thread")
def thread() -> bytes:
    return THREAD


@app.get("/render")
def render() -> str:
    """About a millisecond of Python, as a page that is drawn from the database costs."""
    return "".join(str(number) for number in range(8_000))


@app.post("/write")
def write() -> str:
    time.sleep(WRITE)
    return "kept"


@dataclass
class Load:
    """What wrk saw: requests a second, the slowest of a hundred in ms, and answers that failed."""

    rate: float
    p99: float
    failed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=", ".join(SERVERS))
    given = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: sudo apt install wrk")
    print(f"{'server':22}{'route':9}{'requests/s':>11}{'p99 ms':>9}{'failed':>8}{'CPU ms each':>13}{'MiB':>6}")
    for name in given.servers or SERVERS:
        measure(name, given.seconds, given.rounds)


def measure(name: str, seconds: int, rounds: int) -> None:
    """Print one line for each route of one server: the median of all rounds."""
    program = SERVERS[name].split()[0]
    if not find_spec(program):
        print(f"{name:22}not installed (pip install {program})")
        return
    with running(name) as (pid, url):
        for route in ("hello", "thread", "render", "write"):
            before = cpu_ms(pid)
            loads = [load(f"{url}/{route}", seconds) for _ in range(rounds)]
            rate = statistics.median(each.rate for each in loads)
            cpu = (cpu_ms(pid) - before) / sum(each.rate * seconds for each in loads)
            p99 = statistics.median(each.p99 for each in loads)
            failed = sum(each.failed for each in loads)
            print(f"{name:22}{route:9}{rate:11,.0f}{p99:9.1f}{failed:8}{cpu:13.3f}{resident_mib(pid):6.0f}")


@contextmanager
def running(name: str) -> Iterator[tuple[int, str]]:
    port = free_port()
    command = [sys.executable, "-m", *SERVERS[name].format(port=port).split()]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            wait_for(port, process)
            yield process.pid, f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def load(url: str, seconds: int) -> Load:
    """Press on `url` with 32 connections that stay open; what is called /write is posted to."""
    posting = ["-s", str(Path(__file__).with_name("post.lua"))] if url.endswith("/write") else []
    command = ["wrk", "-t2", "-c32", f"-d{seconds}s", "--latency", *posting, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Load(
        rate=float(found(r"Requests/sec:\s+([\d.]+)", said)),
        p99=in_ms(found(r"99%\s+([\d.]+\w+)", said)),
        failed=sum(int(number) for number in re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", said)),
    )


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if not match:
        raise ValueError(f"wrk printed something new:\n{text}")
    return match[1]


def in_ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def cpu_ms(leader: int) -> float:
    """Milliseconds of processor time that the processes of this session have used."""
    ticks = sum(int(each[13]) + int(each[14]) for each in stats(leader))
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def resident_mib(leader: int) -> float:
    return sum(int(each[23]) for each in stats(leader)) * os.sysconf("SC_PAGE_SIZE") / 2**20


def stats(leader: int) -> list[list[str]]:
    """Return /proc/PID/stat (proc(5)) of each process of a session; fields count from 0, the name holds no space."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, _, after = file.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
            continue
        fields = [*before.split(" (", 1), *after.split()]
        if int(fields[5]) == leader:
            lines.append(fields)
    return lines


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {process.args!r}")


if __name__ == "__main__":
    main()
