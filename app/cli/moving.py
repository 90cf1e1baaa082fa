"""`flask upkeep move-to`: move the whole installation to another database."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.cli import recording
from app.lib import logs
from app.models.audit import Event
from app.models.keyring import KEY_FILE
from app.operations import move, move_check, move_source
from app.operations.move_rows import MoveError
from app.operations.move_target import Target


@click.command("move-to")
@click.argument("url", required=False)
@click.option("--check", "checks", is_flag=True, help="Compare all rows of both databases after a move.")
@click.option("--dry-run", is_flag=True, help="Look at both databases and count rows; write nothing.")
@click.option("--cancel", is_flag=True, help="End a move: the old database takes writes again.")
@click.option("--yes", is_flag=True, help="With --cancel: do not ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def move_to(url: str | None, checks: bool, dry_run: bool, cancel: bool, yes: bool, as_json: bool) -> None:
    """Move the whole installation to the database URL, from SQLite to PostgreSQL or back, while the service runs.

    URL is postgresql://user@host/name of an empty database, or sqlite:////folder/file of a new file; "-" reads it from
    standard input, where no list of processes shows a password. Writers are stopped only at the end. A run that was
    killed goes on where it was. Exit code 1 if the move is refused, or if --check finds a difference.
    """
    if cancel:
        _cancel(yes)
        return
    if not url:
        raise click.UsageError("Name the new database: postgresql://user@host/name")
    with _shown():
        target = move.target_of(sys.stdin.readline().strip() if url == "-" else url)
        with closing(target):
            act = _check if checks else _look if dry_run else _run
            act(target, as_json)


def _run(target: Target, as_json: bool) -> None:
    if not move_source.state():
        recording.note(Event.MOVE_STARTED, database=target.label)
    done = move.run(target, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps(_as_json(done)))
        return
    for name, (rows, digest) in done.tables.items():
        click.echo(f"{name:20} {rows:>12,} {digest[:16]}")
    if not done.tables:
        click.echo("It was moved before:")
    click.echo(f"Moved to {done.target} in {done.seconds:,.1f} s, {done.stopped_seconds:.1f} s of it without writers.")
    click.echo(_next_steps(target))


def _as_json(done: move.Done) -> dict[str, Any]:
    return {
        "target": done.target, "seconds": round(done.seconds, 1), "stopped_seconds": round(done.stopped_seconds, 2),
        "tables": {name: {"rows": rows, "digest": digest} for name, (rows, digest) in done.tables.items()},
    }  # fmt: skip


def _next_steps(target: Target) -> str:
    steps = [
        "The old database refuses writes: requests are answered 503 until you",
        "- set DATABASE_URL to the new one,",
    ]
    file = Path(current_app.instance_path) / KEY_FILE
    if not os.environ.get("SECRET_KEY") and file.is_file() and not target.label.startswith("sqlite"):
        steps.append(f"- set SECRET_KEY to the content of {file}: without it, no email address can be read,")
    return "\n".join([*steps, "- and restart all web servers and workers."])


def _look(target: Target, as_json: bool) -> None:
    found = move.look(target)
    if as_json:
        click.echo(json.dumps({"target": target.label, "rows": found}))
        return
    for name, rows in found.items():
        click.echo(f"{name:20} {rows:>12,}")
    click.echo(f"{sum(found.values()):,} rows would be moved to {target.label}. Nothing was written.")


def _check(target: Target, as_json: bool) -> None:
    found = list(move_check.check(target))
    if as_json:
        click.echo(json.dumps({"ok": all(each.ok for each in found), "tables": {
            each.name: {"ok": each.ok, "rows": each.rows, "wrong": each.wrong} for each in found
        }}))  # fmt: skip
    else:
        for each in found:
            line = f"{each.name:20} {each.rows[1]:>12,} {f'{each.digests[1]:032x}'[:16]}"
            click.echo(line if each.ok else f"{line} differs")
            for sentence in each.wrong:
                click.echo(f"  {sentence}")
    if not all(each.ok for each in found):
        raise SystemExit(1)


def _cancel(yes: bool) -> None:
    with _shown():
        known = move_source.state()
        if not known:
            raise MoveError("No move has begun.")
        if known.stage == move_source.ENDED and not yes:
            click.confirm(
                f"What was written in {known.target} since the move is not in this database. Use this database again?",
                abort=True,
            )
        move_source.cancel(lambda line: click.echo(line, err=True))
    recording.note(Event.MOVE_CANCELLED, database=known.target)
    click.echo(f"This database takes writes. Delete {known.target} before another move to it.")


@contextmanager
def _shown() -> Iterator[None]:
    try:
        yield
    except MoveError as no:
        raise click.ClickException(str(no)) from no
    except SQLAlchemyError as trouble:
        raise click.ClickException(f"The database does not answer as it should: {logs.message(trouble)}") from trouble
