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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SECONDS, ROUNDS, CONNECTIONS = 5, 3, 32


@dataclass
class Load:
    """A result of wrk: requests a second, 99th percentile in ms, failed answers, and its whole output.

    `cpu`: microseconds of the server's processor time for a request, 0 if not measured.
    """

    rate: float
    p99: float
    failed: int
    output: str = ""
    cpu: float = 0.0


class Server(NamedTuple):
    """An address, and the ids of the processes behind it."""

    url: str
    processes: Callable[[], list[int]] = list


def heading(what: str) -> None:
    processor = f"{'CPU us':>9}{'baseline':>9}{'ratio':>7}"
    print(f"\n{what:44}{'requests/s':>12}{'p99 ms':>9}{'baseline':>12}{'ratio':>8}{processor}")


def line(what: str, ours: Load, base: Load | None = None, *, aim: float = 0, note: str = "") -> None:
    """Print a row: our figure, the baseline of the same run, and their ratio; the same for the processor time."""
    ratio = ours.rate / base.rate if base and base.rate else float("inf")
    against = f"{base.rate:12,.0f}{ratio:8.2f}" if base else " " * 20
    if ours.cpu and base and base.cpu:
        against += f"{ours.cpu:9.1f}{base.cpu:9.1f}{base.cpu / ours.cpu:7.2f}"
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
    """The median rate, p99 and processor time, with all failures."""
    middle = sorted(loads, key=lambda each: each.rate)[len(loads) // 2]
    p99, cpu = (statistics.median(getattr(each, name) for each in loads) for name in ("p99", "cpu"))
    return Load(middle.rate, p99, sum(each.failed for each in loads), cpu=cpu)


def load(
    url: str,
    seconds: int = SECONDS,
    *,
    connections: int = CONNECTIONS,
    script: str = "",
    arguments: tuple[str, ...] = (),
    encoding: str = "",
    processes: Callable[[], list[int]] = list,
) -> Load:
    """Load `url` over persistent connections; `script` is a Lua file of this folder. `processes`: of the server."""
    command = ["wrk", f"-t{min(2, connections)}", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s"]
    command += ["-s", str(Path(__file__).with_name(script))] if script else []
    command += ["-H", f"Accept-Encoding: {encoding}"] if encoding else []
    command += [url, *(["--", *arguments] if arguments else [])]
    pids = processes()
    before = cpu_ms(pids)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = cpu_ms(pids) - before
    return Load(
        rate=float(found(r"Requests/sec:\s+([\d.]+)", output)),
        p99=in_ms(found(r"99%\s+([\d.]+\w+)", output)),
        failed=sum(int(number) for number in re.findall(r"(?:connect|read|write|timeout|responses:) (\d+)", output)),
        output=output,
        cpu=used * 1000 / max(1, int(found(r"(\d+) requests in", output))),
    )


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if not match:
        raise ValueError(f"unexpected output of wrk:\n{text}")
    return match[1]


def in_ms(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def cpu_ms(pids: Iterable[int]) -> float:
    """Processor time of these processes so far, in ms."""
    ticks = sum(int(fields[13]) + int(fields[14]) for fields in map(stat, pids) if fields)
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def session(leader: int) -> list[int]:
    """Ids of all processes of a session."""
    pids = [int(file.parent.name) for file in Path("/proc").glob("[0-9]*/stat")]
    return [pid for pid in pids if (fields := stat(pid)) and int(fields[5]) == leader]


def resident(pid: int) -> float:
    """Proportional set size of a process in MiB (proc(5), smaps_rollup): shared pages count once for all."""
    return _memory(pid, "Pss:")


def resident_whole(pid: int) -> float:
    """Resident set size in MiB, as ps and top show it: shared pages count in each process."""
    return _memory(pid, "Rss:")


def _memory(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat (proc(5), counted from 0); empty if it has ended."""
    try:
        before, _, after = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [*before.split(" (", 1), *after.split()]


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
