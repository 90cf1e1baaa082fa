"""`flask export`: write a site's data to a file."""

import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from app.cli import recording
from app.cli.sites import site_of
from app.database import snapshot
from app.models.audit import Event
from app.transfer.exports import FORMATS, write_privately


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
            try:
                write_privately(output, lines)
            except OSError as trouble:
                raise click.ClickException(f"Could not write {output}: {trouble.strerror}.") from trouble
    recording.note(Event.EXPORTED, key=key, format=form)
    click.echo("The export contains readers' email addresses in plain text. Keep it private.", err=True)
