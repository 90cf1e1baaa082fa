"""`flask upkeep rotate-key`: encrypt and index everything again with the present SECRET_KEY."""

import json
import time
from collections.abc import Iterator

import click
from flask.cli import with_appcontext

from app.comments import key_columns, rotation
from app.comments.rotation import Progress
from app.models import keyring

TELL_EVERY_S = 5.0
TOKENS = (
    "What the earlier key signed ends with it: log-ins, links in sent emails, and what readers' browsers keep "
    "(docs/keys.md)."
)


@click.command("rotate-key")
@click.option("--forget-unmatched", is_flag=True, help="Delete unsubscribes of addresses without an author.")
@click.option("--leaked", is_flag=True, help="Delete hashes of the earlier key that cannot be recomputed.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
@with_appcontext
def rotate_key(forget_unmatched: bool, leaked: bool, as_json: bool) -> None:
    """Encrypt and index again all values under keys of SECRET_KEY_FALLBACKS, while the service runs.

    Can be interrupted and repeated. Exit code 0 if nothing is left under an earlier key, else 1.
    """
    progress = Progress()
    steps = rotation.rotate(progress, forget_unmatched=forget_unmatched or leaked, forget_hashes=leaked)
    _follow(steps, progress, "rewriting")
    _follow(rotation.count_left(progress), progress, "checking")
    if progress.done:
        keyring.retire_earlier()
    _tell(progress, as_json)
    raise SystemExit(0 if progress.done else 1)


def _follow(steps: Iterator[str], progress: Progress, doing: str) -> None:
    last = time.monotonic()
    for table in steps:
        if time.monotonic() - last >= TELL_EVERY_S:
            last = time.monotonic()
            seen, changed = progress.looked_at[table], progress.rewritten[table]
            click.echo(f"{doing} {table}: {seen} rows looked at, {changed} rewritten", err=True)


def _tell(progress: Progress, as_json: bool) -> None:
    if as_json:
        told = {"done": progress.done, "rewritten": progress.rewritten, "left": progress.left}
        click.echo(json.dumps(told | {"unreadable": progress.unreadable, "doubles": progress.doubles}))
        return
    for table, count in progress.rewritten.items():
        click.echo(f"{table}: {count} rewritten")
    for name, count in progress.unreadable.items():
        click.echo(f"{name}: {count} cannot be read with any of the keys, and stay as they are")
    for double in progress.doubles:
        click.echo(f"{double}: another row has the same value; two accounts of one address? flask moderator list")
    for name, count in progress.left.items():
        click.echo(f"{name}: {count} still under an earlier key{_until(name)}")
    if progress.done:
        click.echo(f"Nothing is left under an earlier key: SECRET_KEY_FALLBACKS may be emptied. {TOKENS}")
    else:
        click.echo("Keep the earlier key in SECRET_KEY_FALLBACKS, and run this again.")


def _until(name: str) -> str:
    how = key_columns.STRATEGIES.get(name)
    if isinstance(how, key_columns.Expiring):
        return f"; they serve for {key_columns.OUTDATED_AFTER.days} days, and go after that"
    if isinstance(how, key_columns.ByAuthor):
        return ": unsubscribes of addresses that no author has any more; --forget-unmatched forgets them"
    return ""
