"""`flask serve`: run web server, worker and optionally the demo's articles; restart processes that die."""

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.desk import first_run
from app.extensions import db
from app.models.setup_link import LASTS

ROOT = Path(__file__).parent.parent.parent
SERVER = ROOT / "app" / "server"
WATCHED_FOLDERS = [str(ROOT / name) for name in ("app", "demo", "templates")]
WATCHED = [".py", ".html", ".txt", ".css", ".js", ".svg"]
# Time to finish requests at a stop; half of the supervisor's.
PATIENCE_S = 10
# Timeout of a request's head, and so of an idle connection.
HEAD_MS = 10_000
# The web processes load first: the first answer comes sooner if the worker takes none of their cores.
WORKER_DELAY_S = 1.0
MODULE = (sys.executable, "-P", "-m")


@dataclass
class Child:
    """A process for app/server/supervisor.py."""

    name: str
    command: list[str]
    watched: dict[str, list[str]] = field(default_factory=dict)
    delay_s: float = 0.0


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
    watched = dict.fromkeys(WATCHED_FOLDERS, WATCHED) if reload else {}
    worker = Child("worker", [*MODULE, "flask", "worker"], watched, WORKER_DELAY_S)
    children = [web] if no_worker else [web, worker]
    if demo:
        _refuse_busy("127.0.0.1", config["PORT"] + 1)
        children.append(_demo(config, watched))
    _announce(config, demo)
    _offer_set_up()
    _become_supervisor(children)


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
        "workers_kill_timeout": PATIENCE_S,
        "log_level": "warning",
        "websockets": False,
    }
    # -P: modules of ours beside the program must not shadow those of libraries.
    return Child("web", [sys.executable, "-P", str(SERVER / "granian_server.py"), json.dumps(options)])


def _development_web(config: Mapping[str, object]) -> Child:
    """Flask's development server, without page cache. Only on this machine: its debugger runs any code."""
    options = ["--debug", "--host", "127.0.0.1", "--port", str(config["PORT"])]
    files = os.pathsep.join(str(file) for file in _watched_files() if file.suffix != ".py")
    return Child("web", [*MODULE, "flask", "run", *options, "--extra-files", files])


def _watched_files() -> Iterator[Path]:
    for folder in WATCHED_FOLDERS:
        yield from (file for file in Path(folder).rglob("*") if file.suffix in WATCHED)


def _demo(config: Mapping[str, object], watched: dict[str, list[str]]) -> Child:
    port = int(str(config["PORT"])) + 1
    return Child("demo", [*MODULE, "demo", "--port", str(port), "--service", str(config["PUBLIC_URL"])], watched)


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


def _become_supervisor(children: list[Child]) -> None:
    """Go on as a program of its own, in this process: it needs nothing of the application."""
    sys.stdout.flush()
    given = json.dumps([asdict(child) for child in children])
    os.execv(sys.executable, [sys.executable, "-P", str(SERVER / "supervisor.py"), given])  # noqa: S606
