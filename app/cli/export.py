"""`flask export`: write a site's data to a file."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from flask.cli import with_appcontext

from app.cli.sites import site_of
from app.database import snapshot
from app.models import Site
from app.transfer import archive, csv_export, wxr

FORMATS: dict[str, Callable[[Site], Iterator[str]]] = {
    "kaiwa": archive.lines,
    "wxr": wxr.lines,
    "csv": csv_export.lines,
}


@click.command("export")
@click.option("--site", "key", required=True, metavar="KEY", help="Site to export.")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="kaiwa",
    show_default=True,
    help="kaiwa: archive of all data, for another Kaiwa. wxr: for WordPress. csv: for spreadsheets.",
)
@click.option("--output", type=click.Path(path_type=Path), help="File to write. Default: standard output.")
@with_appcontext
def export(key: str, form: str, output: Path | None) -> None:
    """Export a snapshot of a site's comments; the kaiwa format includes all other data of the site.

    The export contains readers' email addresses in plain text. A file is readable only by its owner.
    """
    with snapshot():
        lines = FORMATS[form](site_of(key))
        if output is None:
            for line in lines:
                sys.stdout.buffer.write(line.encode())
        else:
            write_privately(output, lines)
    click.echo("The export contains readers' email addresses in plain text. Keep it private.", err=True)


def write_privately(path: Path, lines: Iterator[str]) -> None:
    """Write the file for its owner only; under its name it is whole, or it is not there."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as trouble:
        raise click.ClickException(f"Could not write {path}: {trouble.strerror}.") from trouble
    finally:
        part.unlink(missing_ok=True)
