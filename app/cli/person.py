"""`flask person`: export or erase the data of a reader by email address."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click
from flask.cli import AppGroup

from app.cli import recording
from app.cli.sites import site_of
from app.comments import person as people
from app.comments import person_erasure, person_export
from app.comments.person import Person
from app.comments.person_erasure import Receipt, is_searchable
from app.database import snapshot
from app.extensions import db
from app.lib import json_parts
from app.models.audit import Event
from app.operations import vacuum
from app.search import index

person = AppGroup("person", help="Export or erase the personal data of a reader.")


# All of them, even if unchanged: an interrupted run may have left bytes there.
TOUCHED = [
    "audit_event",
    "author",
    "comment",
    "decision",
    "delivery",
    "note",
    "notice",
    "notice_event",
    "legal_hold",
    "report",
    "revision",
    "rule",
    "segment_page",
    "unsubscribe",
]


def reader_arguments(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    command = click.option("--site", "key", metavar="KEY", help="Only on this site.")(command)
    return click.argument("email")(command)


@person.command("export")
@reader_arguments
def export(email: str, key: str | None, as_json: bool) -> None:
    """Print all data of the reader with EMAIL as JSON, in every status. With --site, also of member:ID.

    All authors with this address count as one person, even if their browsers' tokens differ.
    """
    with snapshot():
        reader = _person(email, key)
        if not reader.is_known:
            raise click.ClickException("No author uses this address, or has this ID.")
        authors = len(reader.authors)
        for part in json_parts.encoded(person_export.export(reader), lines=not as_json):
            click.echo(part, nl=False)
            db.session.expunge_all()
    click.echo()
    recording.note(Event.PERSON_EXPORTED, key=key or "", authors=authors)


@person.command("erase")
@reader_arguments
@click.option("--remove-text", is_flag=True, help="Also delete their comments; those with replies leave a placeholder.")
@click.option("--later", is_flag=True, help="Leave the bytes of the deleted rows to flask person remove-bytes.")
@click.option("--dry-run", is_flag=True, help="Only report what would change.")
def erase(email: str, key: str | None, as_json: bool, remove_text: bool, later: bool, dry_run: bool) -> None:
    """Erase the personal data of the reader with EMAIL. With --site, also of member:ID.

    Deletes names, addresses, networks, earlier versions of comments, and rules and queued email about them. Comments
    stay with a deleted author unless --remove-text is given. All authors with the address count as one person. The
    command also updates the search index, overwrites deleted rows and searches the database for the address: exit
    code 1 if it is still found. On PostgreSQL, it locks each table while it rewrites it, unless --later is given.
    """
    reader = _person(email, key)
    names = reader.names
    if dry_run:
        return _print_result(
            {"dry_run": True, "authors": len(reader.authors), "by_status": dict(reader.count())}, as_json
        )
    receipt = Receipt()
    for _step in person_erasure.erase(reader, receipt, remove_text=remove_text):
        db.session.commit()
    for number in index.stale_segments():
        index.remove_dirty(number)
    swept = not later and vacuum.remove_dead_bytes(TOUCHED)
    found = {"swept": swept} | _verify(reader, names, in_file=not later)
    _print_result({"dry_run": False, **asdict(receipt), **found}, as_json)
    if later and not as_json:
        click.echo("Run flask person remove-bytes at a quiet hour.")
    if found["in_file"] or not (swept or later) or any(_is_unexpected(each) for each in found["left"]):
        raise SystemExit(1)
    return None


@person.command("remove-bytes")
def remove_bytes() -> None:
    """Remove the bytes of erased rows from the database, for readers erased with --later or on a site's page.

    SQLite: posts wait while the file's unused bytes are overwritten. PostgreSQL: each table is locked, for reads too,
    while it is rewritten. Exit code 1 if other programs use the file of SQLite.
    """
    if not vacuum.remove_dead_bytes(TOUCHED, lambda table: click.echo(f"Rewriting {table}", err=True)):
        raise click.ClickException("Other programs use the file. Try again at a quieter hour.")
    click.echo("The bytes of erased rows are removed.")


def _is_unexpected(remnant: dict[str, Any]) -> bool:
    return bool(remnant["what"] == "email" and remnant["table"] != person_erasure.HELD)


def _person(email: str, key: str | None) -> Person:
    site = site_of(key) if key else None
    if email.startswith(people.MEMBER):
        if site is None:
            raise click.ClickException("Add --site KEY: members are members of one site.")
    elif "@" not in email:
        raise click.ClickException(f"Invalid email address {email!r}. Of a member: {people.MEMBER}ID.")
    return people.find(email, site)


def _verify(reader: Person, names: list[str], *, in_file: bool) -> dict[str, Any]:
    """Remaining rows, and with `in_file`, in an SQLite file without such rows, remaining bytes."""
    with snapshot():
        left = person_erasure.remnants(reader, names)
    # Copies of a legal hold are encrypted, and stay.
    explained = {each["what"] for each in left if each["table"] != person_erasure.HELD}
    needles = [
        needle
        for what, needle in (
            ("email", reader.email),
            *(("name", name) for name in filter(is_searchable, names)),
        )
        if what not in explained and reader.site_ids is None
    ]
    found = vacuum.occurrences_in_file(needles) if in_file else None
    return {
        "left": left,
        "file_searched": found is not None and reader.site_ids is None,
        "in_file": len(found or []),
    }


def _print_result(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    left = answer.pop("left", None)
    for name, value in answer.items():
        click.echo(f"{name.replace('_', ' '):15} {value}")
    for each in left or ():
        rows = f"{each['rows']}{'+' if each['more'] else ''} rows"
        where = f"{each['table']}.{each['column']}, {rows} ({', '.join(each['ids'])})"
        click.echo(f"Still found: {each['what']} in {where}{_fix(each)}")
    if left == []:
        click.echo("The database no longer contains the reader's address or names.")


def _fix(remnant: dict[str, Any]) -> str:
    if remnant["table"] == "moderator":
        return ": a moderator uses this address. Remove it with flask moderator remove EMAIL"
    if remnant["table"] == person_erasure.HELD:
        return ": kept by a legal hold until it ends"
    if remnant["table"] in person_erasure.NEVER_CHANGED:
        return ": in a page URL or site name. Change it with flask thread move or flask site set"
    return ": in comments that are kept. --remove-text deletes the reader's own"
