"""Choose the web server by measuring: the same four routes behind each, on this machine, in one run.

    python -m bench.servers [--seconds 5] [--rounds 3] [SERVER ...]

Needs wrk (apt install wrk). gunicorn and waitress are measured where they are installed, and named where they
are not; only the chosen server is among Kaiwa's requirements.
"""

import argparse
import statistics
import sys
import time
from importlib.util import find_spec

from flask import Flask

from app.server.rsgi import Wire
from bench.measure import cpu_ms, load, need_wrk, resident_mib, serving

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=", ".join(SERVERS))
    given = parser.parse_args()
    need_wrk()
    print(f"{'server':22}{'route':9}{'requests/s':>11}{'p99 ms':>9}{'failed':>8}{'CPU ms each':>13}{'MiB':>6}")
    for name in given.servers or SERVERS:
        measure(name, given.seconds, given.rounds)


def measure(name: str, seconds: int, rounds: int) -> None:
    """Print one line for each route of one server: the median of all rounds."""
    program = SERVERS[name].split()[0]
    if not find_spec(program):
        print(f"{name:22}not installed (pip install {program})")
        return
    with serving(f"{sys.executable} -m {SERVERS[name]}") as (pid, url):
        for route in ("hello", "thread", "render", "write"):
            before = cpu_ms(pid)
            script = "post.lua" if route == "write" else ""
            loads = [load(f"{url}/{route}", seconds, script=script) for _ in range(rounds)]
            rate = statistics.median(each.rate for each in loads)
            cpu = (cpu_ms(pid) - before) / sum(each.rate * seconds for each in loads)
            p99 = statistics.median(each.p99 for each in loads)
            failed = sum(each.failed for each in loads)
            print(f"{name:22}{route:9}{rate:11,.0f}{p99:9.1f}{failed:8}{cpu:13.3f}{resident_mib(pid):6.0f}")


if __name__ == "__main__":
    main()
