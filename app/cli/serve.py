"""Run the service: web server, worker and, if wanted, the demo's articles; whatever dies is started again."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType

import click
from flask import current_app
from flask.cli import with_appcontext

LOOK_EVERY_S = 0.2
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
# A child that has run for so long was not broken from the start.
SETTLED_S = 60.0
# What a worker or a request may take to finish what it is doing.
PATIENCE_S = 20.0


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
        # A session of its own: Ctrl+C in the terminal reaches us alone, and we pass it on in order.
        self.process = subprocess.Popen(self.command, start_new_session=True)  # noqa: S603
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
            self.process, self.due = None, moment + self.pause

    def stop(self, deadline: float) -> None:
        """Wait until it has drained, at most until `deadline`."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            click.echo(f"{self.name} does not stop and is killed", err=True)
            os.killpg(self.process.pid, signal.SIGKILL)
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
    """One request at a time in each process: more threads only wait for each other (docs/decisions)."""
    options = {
        "interface": "wsgi",
        "host": config["HOST"],
        "port": config["PORT"],
        "workers": config["WORKERS"],
        "blocking-threads": 1,
        "backlog": 1024,
        "workers-kill-timeout": int(PATIENCE_S / 2),
        "log-level": "warning",
    }
    flags = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "granian", *flags, "--respawn-failed-workers", "--factory", "app:create_app"]
    return Child("web", command)


def _demo(config: Mapping[str, object]) -> Child:
    port = int(str(config["PORT"])) + 1
    command = [sys.executable, "-m", "demo", "--port", str(port), "--service", str(config["PUBLIC_URL"])]
    return Child("demo", command)


def _refuse_busy(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as trouble:
            raise click.ClickException(
                f"Port {port} on {host} cannot be had ({trouble.strerror}); another one: PORT={port + 10}"
            ) from trouble


def _announce(config: Mapping[str, object], demo: bool) -> None:
    public = config["PUBLIC_URL"]
    click.echo(f"Kaiwa      {public}/moderate/")
    if demo:
        click.echo(f"Articles   http://127.0.0.1:{int(str(config['PORT'])) + 1}/ja/ and /en/")
    click.echo("Ctrl+C stops it.")


class _Stop(Exception):
    """Somebody wants us to end."""


def _run(children: list[Child]) -> None:
    def end(_number: int, _frame: FrameType | None) -> None:
        raise _Stop

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        while True:
            for child in children:
                child.look()
            time.sleep(LOOK_EVERY_S)
    except _Stop:
        # A second signal must not interrupt the draining.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        deadline = time.monotonic() + PATIENCE_S
        for child in children:
            child.tell(signal.SIGTERM)
        for child in children:
            child.stop(deadline)
