"""Run the service: web server, worker and, if wanted, the demo's articles; whatever dies is started again."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

WEB_SERVER = Path(__file__).parent.parent / "server" / "granian_server.py"
LOOK_EVERY_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 5.0
# A child that has run for so long was not broken from the start.
SETTLED_S = 60.0
# What a worker or a request may take to finish what it is doing.
PATIENCE_S = 20.0

# For the head of a request, and so for the next one on a connection that stays open.
HEAD_MS = 10_000

PR_SET_PDEATHSIG = 1
# Loaded here, for between fork and exec nothing may be loaded.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """One process that must be running."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE_S
    due: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        # A session of its own: Ctrl+C in the terminal reaches us alone, and we pass it on.
        self.process = subprocess.Popen(self.command, start_new_session=True, preexec_fn=_end_with_parent)  # noqa: S603
        self.started = time.monotonic()

    def look(self) -> None:
        """Start it if it is due, and plan a new start if it has died."""
        moment = time.monotonic()
        if self.process is None:
            if moment >= self.due:
                self.start()
        elif (code := self.process.poll()) is not None:
            self.pause = FIRST_PAUSE_S if moment - self.started > SETTLED_S else min(self.pause * 2, LONGEST_PAUSE_S)
            click.echo(f"{self.name} ended with {code}; it starts again in {self.pause:.0f} s", err=True)
            _kill_group(self.process.pid)  # the web server's own processes would answer on, with nobody above them
            self.process, self.due = None, moment + self.pause

    def stop(self, deadline: float) -> None:
        """Wait until it has drained, at most until `deadline`."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            click.echo(f"{self.name} does not stop and is killed", err=True)
            _kill_group(self.process.pid)
            self.process.wait()

    def tell(self, number: int) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)


@click.command("serve")
@click.option("--demo", is_flag=True, help="Serve the demo's articles too, on the next port.")
@with_appcontext
def serve(demo: bool) -> None:
    """Run Kaiwa on HOST and PORT with WORKERS until Ctrl+C or SIGTERM; both finish what was begun."""
    config = current_app.config
    _refuse_busy(config["HOST"], config["PORT"])
    children = [_web(config), Child("worker", [sys.executable, "-m", "flask", "worker"])]
    if demo:
        _refuse_busy("127.0.0.1", config["PORT"] + 1)
        children.append(_demo(config))
    _announce(config, demo)
    _run(children)


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
    # -P: beside the program lie modules of ours, which must not be taken for the library's.
    return Child("web", [sys.executable, "-P", str(WEB_SERVER), json.dumps(options)])


def _demo(config: Mapping[str, object]) -> Child:
    port = int(str(config["PORT"])) + 1
    command = [sys.executable, "-m", "demo", "--port", str(port), "--service", str(config["PUBLIC_URL"])]
    return Child("demo", command)


def _refuse_busy(host: str, port: int) -> None:
    """The web server shares its port with its own kind: two services would take turns in answering."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as trouble:
        raise click.ClickException(
            f"Port {port} on {host} cannot be had ({trouble.strerror}). Choose another one: PORT={port + 10}"
        ) from trouble


def _announce(config: Mapping[str, object], demo: bool) -> None:
    public = config["PUBLIC_URL"]
    click.echo(f"Kaiwa      {public}/moderate/")
    if demo:
        click.echo(f"Articles   http://127.0.0.1:{int(str(config['PORT'])) + 1}/ja/ and /en/")
    click.echo("Ctrl+C stops it.")


def _run(children: list[Child]) -> None:
    """Keep the children running until a signal says stop; then let them finish, at most for PATIENCE_S."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: stop.set())
    while not stop.wait(LOOK_EVERY_S):
        for child in children:
            child.look()
    deadline = time.monotonic() + PATIENCE_S
    for child in children:
        child.tell(signal.SIGTERM)
    for child in children:
        child.stop(deadline)


def _kill_group(leader: int) -> None:
    """Kill a child's whole session; that it is empty is the usual case."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _end_with_parent() -> None:
    """Ask Linux to send SIGTERM to this process when the supervisor is killed (prctl(2), PR_SET_PDEATHSIG)."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
