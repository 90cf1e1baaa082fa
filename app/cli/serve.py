"""`flask serve`: run web server, worker and optionally the demo's articles; restart processes that die."""

import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.desk import first_run
from app.extensions import db
from app.models.setup_link import LASTS

ROOT = Path(__file__).parent.parent.parent
WEB_SERVER = ROOT / "app" / "server" / "granian_server.py"
WATCHED = frozenset({".py", ".html", ".txt", ".css", ".js", ".svg"})
LOOK_EVERY_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
# A child that ran for this long restarts with the first pause.
SETTLED_S = 60.0
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Time to finish requests and deliveries at a stop.
PATIENCE_S = 20.0
# Timeout of a request's head, and so of an idle connection.
HEAD_MS = 10_000

# Processes import this program, whatever the current folder has.
PATHS = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
OURS = {"FLASK_APP": str(ROOT / "app"), "PYTHONPATH": os.pathsep.join(PATHS)}
MODULE = (sys.executable, "-P", "-m")

PR_SET_PDEATHSIG = 1
# Loaded here, because nothing may be loaded between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """A supervised process."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE_S
    due: float = field(default_factory=time.monotonic)

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
            click.echo(f"{self.name} exited with {code}; restarting in {self.pause:.0f} s", err=True)
            _kill_group(self.process.pid)  # the web server's processes would run on
            self.process, self.due = None, moment + self.pause

    def restart(self) -> None:
        self.send(signal.SIGTERM)
        self.stop(time.monotonic() + PATIENCE_S)
        self.process, self.due = None, time.monotonic()

    def stop(self, deadline: float) -> None:
        """Wait until it exits, at most until `deadline`."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            click.echo(f"{self.name} did not stop in time; killing it", err=True)
            _kill_group(self.process.pid)
            self.process.wait()

    def send(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)


@click.command("serve")
@click.option("--demo", is_flag=True, help="Also serve the demo articles, on the next port.")
@click.option("--reload", is_flag=True, help="For development: restart when code, templates or styles change.")
@click.option("--no-worker", is_flag=True, help="Only the web server; the worker runs elsewhere.")
@with_appcontext
def serve(demo: bool, reload: bool, no_worker: bool) -> None:
    """Run the web server and the worker on HOST and PORT, with WORKERS web processes.

    Ctrl+C or SIGTERM stops it after the running requests have finished.
    """
    config = current_app.config
    _refuse_busy(config["HOST"], config["PORT"])
    web = _development_web(config) if reload else _web(config)
    children = [web] if no_worker else [web, Child("worker", [*MODULE, "flask", "worker"])]
    if demo:
        _refuse_busy("127.0.0.1", config["PORT"] + 1)
        children.append(_demo(config))
    _announce(config, demo)
    _offer_set_up()
    with _metrics_folder():
        _run(children, reloaded=children[1:] if reload else [])


def _web(config: Mapping[str, object]) -> Child:
    """The reasons for each option: docs/decisions/0002-web-server.md."""
    options = {
        "interface": "rsgi",
        "http": "1",
        "address": config["HOST"],
        "port": config["PORT"],
        "workers": config["WORKERS"],
        "backlog": 1024,
        "http1_header_read_timeout": HEAD_MS,
        "workers_kill_timeout": int(PATIENCE_S / 2),
        "log_level": "warning",
        "websockets": False,
    }
    # -P: modules of ours beside the program must not shadow those of libraries.
    return Child("web", [sys.executable, "-P", str(WEB_SERVER), json.dumps(options)])


def _development_web(config: Mapping[str, object]) -> Child:
    """Flask's development server, without page cache. Only on this machine: its debugger runs any code."""
    options = ["--debug", "--host", "127.0.0.1", "--port", str(config["PORT"])]
    files = os.pathsep.join(str(file) for file in _watched_files() if file.suffix != ".py")
    return Child("web", [*MODULE, "flask", "run", *options, "--extra-files", files])


def _watched_files() -> Iterator[Path]:
    for folder in ("app", "demo", "templates"):
        yield from (file for file in (ROOT / folder).rglob("*") if file.suffix in WATCHED)


def _last_change() -> float:
    """A file that is being replaced may be missing for a moment."""
    times = []
    for file in _watched_files():
        with suppress(FileNotFoundError):
            times.append(file.stat().st_mtime)
    return max(times)


def _demo(config: Mapping[str, object]) -> Child:
    port = int(str(config["PORT"])) + 1
    return Child("demo", [*MODULE, "demo", "--port", str(port), "--service", str(config["PUBLIC_URL"])])


def _refuse_busy(host: str, port: int) -> None:
    """granian shares its port (SO_REUSEPORT): two services would answer in turns."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as trouble:
        raise click.ClickException(
            f"Could not bind port {port} on {host} ({trouble.strerror}). Choose another one: PORT={port + 10}"
        ) from trouble


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


def _announce(config: Mapping[str, object], demo: bool) -> None:
    public = config["PUBLIC_URL"]
    click.echo(f"Kaiwa      {public}/moderate/")
    if demo:
        click.echo(f"Articles   http://127.0.0.1:{int(str(config['PORT'])) + 1}/ja/ and /en/")
    click.echo("Press Ctrl+C to stop.")


def _offer_set_up() -> None:
    """The link of an empty database; the start of the processes does not depend on it."""
    try:
        link = first_run.offer() if first_run.is_needed() else None
        db.session.commit()
    except (SQLAlchemyError, OSError) as trouble:
        db.session.rollback()
        click.echo(f"No set-up link could be made ({type(trouble).__name__}): see flask check", err=True)
        return
    finally:
        db.session.remove()
    if link is None:
        return
    if not link:
        click.echo("Set up     with the link that was printed before, or a new one: flask setup-link --new")
    else:
        click.echo(f"Set up     {link}")
        hours = int(LASTS.total_seconds() // 3600)
        click.echo(
            f"           for {hours} hours and one account; also in {current_app.instance_path}/{first_run.FILE}"
        )


def _run(children: list[Child], reloaded: list[Child]) -> None:
    """Supervise the children until a signal; then let them finish, at most for PATIENCE_S."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    changed = _last_change() if reloaded else 0.0
    while not stop.wait(LOOK_EVERY_S):
        if reloaded and (change := _last_change()) > changed:
            changed = change
            for child in reloaded:
                child.restart()
        for child in children:
            child.supervise()
    deadline = time.monotonic() + PATIENCE_S
    for child in children:
        child.send(signal.SIGTERM)
    for child in children:
        child.stop(deadline)


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _end_with_parent() -> None:
    """Ask Linux to send SIGTERM to this process when the supervisor is killed (prctl(2), PR_SET_PDEATHSIG)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
