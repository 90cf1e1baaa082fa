"""`flask upkeep rotate-key`: encrypt and index everything again with the present SECRET_KEY."""

import json
import time
from collections.abc import Iterator

import click
from flask.cli import with_appcontext

from app.comments import key_columns, rotation
from app.comments.rotation import Progress
from app.extensions import db
from app.models import audit, keyring
from app.models.audit import Event, Who

TELL_EVERY_S = 5.0
TOKENS = (
    "Log-ins, links in sent emails and readers' tokens signed with the earlier key then stop working (docs/keys.md)."
)


@click.command("rotate-key")
@click.option("--forget-unmatched", is_flag=True, help="Delete unsubscribes of addresses that no author has.")
@click.option("--leaked", is_flag=True, help="Delete hashes of the earlier key that cannot be recomputed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def rotate_key(forget_unmatched: bool, leaked: bool, as_json: bool) -> None:
    """Re-encrypt and re-index all values that use a key from SECRET_KEY_FALLBACKS, while the service runs.

    It is safe to interrupt and repeat. Exit code 0 if no value uses an earlier key any more, otherwise 1.
    """
    progress = Progress()
    steps = rotation.rotate(progress, forget_unmatched=forget_unmatched or leaked, forget_hashes=leaked)
    _follow(steps, progress, "rewriting")
    _follow(rotation.count_left(progress), progress, "checking")
    if progress.done:
        keyring.retire_earlier()
    audit.record(Event.KEY_ROTATED, by=Who.OPERATOR, done=progress.done, rewritten=progress.rewritten.total())
    db.session.commit()
    _tell(progress, as_json)
    raise SystemExit(0 if progress.done else 1)


def _follow(steps: Iterator[str], progress: Progress, doing: str) -> None:
    last = time.monotonic()
    for table in steps:
        if time.monotonic() - last >= TELL_EVERY_S:
            last = time.monotonic()
            seen, changed = progress.looked_at[table], progress.rewritten[table]
            click.echo(f"{doing} {table}: {seen} rows read, {changed} rewritten", err=True)


def _tell(progress: Progress, as_json: bool) -> None:
    if as_json:
        told = {"done": progress.done, "rewritten": progress.rewritten, "left": progress.left}
        click.echo(json.dumps(told | {"unreadable": progress.unreadable, "doubles": progress.doubles}))
        return
    for table, count in progress.rewritten.items():
        click.echo(f"{table}: {count} rewritten")
    for name, count in progress.unreadable.items():
        click.echo(f"{name}: {count} cannot be decrypted with any key and stay unchanged")
    for double in progress.doubles:
        click.echo(f"{double}: another row has the same value. Check flask moderator list for duplicate accounts")
    for name, count in progress.left.items():
        click.echo(f"{name}: {count} still use an earlier key{_until(name)}")
    if progress.done:
        click.echo(f"No value uses an earlier key. You can now empty SECRET_KEY_FALLBACKS. {TOKENS}")
    else:
        click.echo("Keep the earlier key in SECRET_KEY_FALLBACKS and run this command again.")


def _until(name: str) -> str:
    how = key_columns.STRATEGIES.get(name)
    if isinstance(how, key_columns.Expiring):
        return f"; they are needed for {key_columns.OUTDATED_AFTER.days} days and then deleted"
    if isinstance(how, key_columns.ByAuthor):
        return ": unsubscribes of addresses that no author has; --forget-unmatched deletes them"
    return ""
