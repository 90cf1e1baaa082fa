"""Start a server, load it with wrk, and measure its processes."""

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
from pathlib import Path

SECONDS, ROUNDS, CONNECTIONS = 5, 3, 32


@dataclass
class Load:
    """A result of wrk: requests a second, 99th percentile in ms, failed answers, and its whole output."""

    rate: float
    p99: float
    failed: int
    output: str = ""


def heading(what: str) -> None:
    print(f"\n{what:44}{'requests/s':>12}{'p99 ms':>9}{'baseline':>12}{'ratio':>8}")


def line(what: str, ours: Load, base: Load | None = None, *, aim: float = 0, note: str = "") -> None:
    """Print a row: our figure, the baseline of the same run, and their ratio."""
    ratio = ours.rate / base.rate if base and base.rate else float("inf")
    against = f"{base.rate:12,.0f}{ratio:8.2f}" if base else " " * 20
    goal = f"  aim {aim}" if aim else ""
    failed = f"  {ours.failed} FAILED" if ours.failed else ""
    print(f"{what:44}{ours.rate:12,.0f}{ours.p99:9.1f}{against}{goal}  {note}{failed}".rstrip(), flush=True)


def need_wrk() -> None:
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: sudo apt install wrk")


@contextmanager
def serving(command: str, environment: dict[str, str] | None = None) -> Iterator[tuple[int, str]]:
    """Run a server in its own session; `{port}` becomes a free port. Yield its process id and address."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        words = command.format(port=port).split()
        process = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True, env=environment)
        try:
            wait_for(port, process)
            yield process.pid, f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def median(loads: list[Load]) -> Load:
    """The median rate and p99, with all failures."""
    middle = sorted(loads, key=lambda each: each.rate)[len(loads) // 2]
    return Load(middle.rate, statistics.median(each.p99 for each in loads), sum(each.failed for each in loads))


def load(
    url: str,
    seconds: int = SECONDS,
    *,
    connections: int = CONNECTIONS,
    script: str = "",
    arguments: tuple[str, ...] = (),
    encoding: str = "",
) -> Load:
    """Load `url` over persistent connections; `script` is a Lua file of this folder."""
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
    command += ["-s", str(Path(__file__).with_name(script))] if script else []
    command += ["-H", f"Accept-Encoding: {encoding}"] if encoding else []
    command += [url, *(["--", *arguments] if arguments else [])]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Load(
        rate=float(found(r"Requests/sec:\s+([\d.]+)", output)),
        p99=in_ms(found(r"99%\s+([\d.]+\w+)", output)),
        failed=sum(int(number) for number in re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", output)),
        output=output,
    )


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if not match:
        raise ValueError(f"unexpected output of wrk:\n{text}")
    return match[1]


def in_ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def cpu_ms(leader: int) -> float:
    """Processor time of all processes of a session, in ms."""
    ticks = sum(int(each[13]) + int(each[14]) for each in stats(leader))
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def resident_mib(leader: int) -> float:
    return sum(int(each[23]) for each in stats(leader)) * os.sysconf("SC_PAGE_SIZE") / 2**20


def resident(pid: int) -> float:
    """Proportional set size of a process in MiB (proc(5), smaps_rollup)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def stats(leader: int) -> list[list[str]]:
    """The fields of /proc/PID/stat (proc(5), counted from 0) of each process of a session."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, _, after = file.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):  # it has ended
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
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {process.args!r}")
