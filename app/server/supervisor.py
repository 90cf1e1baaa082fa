"""Start the processes of a service, and restart those that die, until SIGINT, SIGTERM or SIGHUP.

A separate program that does not load the application (`flask serve` becomes it): it takes a tenth of the memory.
"""

import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
LOOK_EVERY_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
# A child that ran for this long restarts with the first pause.
SETTLED_S = 60.0
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Time to finish requests and deliveries at a stop.
PATIENCE_S = 20.0

# Processes import this program, whatever the current folder has.
PATHS = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
OURS = {"FLASK_APP": str(ROOT / "app"), "PYTHONPATH": os.pathsep.join(PATHS)}

PR_SET_PDEATHSIG = 1
# Loaded here, because nothing may be loaded between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """A supervised process, which starts after `delay_s`.

    With `watched`, it restarts when a file of these folders and endings changes.
    """

    name: str
    command: list[str]
    watched: dict[str, list[str]] = field(default_factory=dict)
    delay_s: float = 0.0
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE_S
    due: float = field(default_factory=time.monotonic)
    changed: float = 0.0

    def __post_init__(self) -> None:
        self.due += self.delay_s

    def start(self) -> None:
        # Its own session, so Ctrl+C reaches only the supervisor, which passes it on.
        self.process = subprocess.Popen(  # noqa: S603
            self.command, env=os.environ | OURS, start_new_session=True, preexec_fn=_end_with_parent
        )
        self.started = time.monotonic()

    def supervise(self) -> None:
        """Start it if due; schedule a restart if it died."""
        moment = time.monotonic()
        if self.process is None:
            if moment >= self.due:
                self.start()
        elif (code := self.process.poll()) is not None:
            self.pause = FIRST_PAUSE_S if moment - self.started > SETTLED_S else min(self.pause * 2, LONGEST_PAUSE_S)
            say(f"{self.name} exited with {code}; restarting in {self.pause:.0f} s")
            _kill_group(self.process.pid)  # the web server's processes would run on
            self.process, self.due = None, moment + self.pause

    def restart_if_changed(self) -> None:
        change = last_change(self.watched)
        if self.changed and change > self.changed:
            self.send(signal.SIGTERM)
            self.stop(time.monotonic() + PATIENCE_S)
            self.process, self.due = None, time.monotonic()
        self.changed = change

    def stop(self, deadline: float) -> None:
        """Wait until it exits, at most until `deadline`."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"{self.name} did not stop in time; killing it")
            _kill_group(self.process.pid)
            self.process.wait()

    def send(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)


def main(given: str) -> None:
    """Supervise the children of a JSON list: name, command, watched, delay_s."""
    with _metrics_folder():
        run([Child(**each) for each in json.loads(given)])


def run(children: list[Child]) -> None:
    """Supervise them until a signal; then let them finish, at most for PATIENCE_S."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    while not stop.is_set():
        for child in children:
            if child.watched:
                child.restart_if_changed()
            child.supervise()
        stop.wait(LOOK_EVERY_S)
    deadline = time.monotonic() + PATIENCE_S
    for child in children:
        child.send(signal.SIGTERM)
    for child in children:
        child.stop(deadline)


def last_change(watched: dict[str, list[str]]) -> float:
    """When a file was last written. One that is being replaced may be missing for a moment."""
    times = [0.0]
    for folder, endings in watched.items():
        for file in Path(folder).rglob("*"):
            with suppress(FileNotFoundError):
                times += [file.stat().st_mtime] if file.suffix in endings else []
    return max(times)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """A folder for the metrics of all children (app/lib/metrics.py), unless the environment names one."""
    if os.environ.get(METRICS_FOLDER):
        yield
        return
    with TemporaryDirectory(prefix="kaiwa-metrics-", ignore_cleanup_errors=True) as folder:
        # systemd-tmpfiles leaves locked folders alone; without a lock file, two processes would write one file.
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_SH)
        os.environ[METRICS_FOLDER] = folder
        yield
        del os.environ[METRICS_FOLDER]
        os.close(lock)


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _end_with_parent() -> None:
    """Ask Linux to send SIGTERM to this process when the supervisor is killed (prctl(2), PR_SET_PDEATHSIG)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    main(sys.argv[1])
