"""`flask person`: what is known of a reader, given out or forgotten, by her e-mail address."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.sites import site_of
from app.comments import person as people
from app.comments import person_erasure, person_export
from app.comments.person import Person
from app.comments.person_erasure import Receipt, is_searchable
from app.database import snapshot
from app.extensions import db
from app.lib import json_parts
from app.operations import vacuum
from app.search import index

person = AppGroup("person", help="What is known of a reader: give it out, or forget it.")


# All, even if nothing was changed in one: a run that was cut short before may have left bytes there.
TOUCHED = ["author", "comment", "decision", "delivery", "note", "report", "revision", "rule", "shelf_page", "silence"]


def about_whom(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option("--json", "as_json", is_flag=True, help="As one JSON object.")(command)
    command = click.option("--site", "key", metavar="KEY", help="Only on this site.")(command)
    return click.argument("email")(command)


@person.command("export")
@about_whom
def export(email: str, key: str | None, as_json: bool) -> None:
    """Print everything that is kept of whoever gave EMAIL, in every status, as JSON.

    All who gave the address count as one person, whatever their browsers' tokens: nobody else can be asked.
    """
    with snapshot():
        her = _person(email, key)
        if not her.authors:
            raise click.ClickException("Nobody gave this address.")
        for part in json_parts.encoded(person_export.export(her), lines=not as_json):
            click.echo(part, nl=False)
            db.session.expunge_all()
    click.echo()


@person.command("erase")
@about_whom
@click.option("--remove-text", is_flag=True, help="Take what she wrote away too; the places of answered ones stay.")
@click.option("--dry-run", is_flag=True, help="Say what would be forgotten, and forget nothing.")
def erase(email: str, key: str | None, as_json: bool, remove_text: bool, dry_run: bool) -> None:
    """Forget whoever gave EMAIL: names, addresses, networks, earlier texts, rules about her, letters to her.

    What she wrote stays as that of a deleted author, unless --remove-text takes it away. All who gave the address
    count as one person. The search index loses the person; then the bytes that rows left behind are removed, and
    the database is searched: ends with 1 when her address is still found.
    """
    her = _person(email, key)
    names = her.names
    if dry_run:
        return _say({"dry_run": True, "authors": len(her.authors), "by_status": dict(her.count())}, as_json)
    receipt = Receipt()
    for _step in person_erasure.erase(her, receipt, remove_text=remove_text):
        db.session.commit()
    for number in index.stale():
        index.forget_changed(number)
    found = _look_again(her, names)
    _say({"dry_run": False, **asdict(receipt), **found}, as_json)
    if found["in_file"] or not found["swept"] or any(each["what"] == "email" for each in found["left"]):
        raise SystemExit(1)
    return None


def _person(email: str, key: str | None) -> Person:
    site = site_of(key) if key else None
    if "@" not in email:
        raise click.ClickException(f"{email!r} is not an e-mail address.")
    return people.find(email, site)


def _look_again(her: Person, names: list[str]) -> dict[str, Any]:
    """What is still there: in which rows, and, of an SQLite file that holds no such row, in its bytes."""
    swept = vacuum.sweep(TOUCHED)
    with snapshot():
        left = person_erasure.remnants(her, names)
    explained = {each["what"] for each in left}
    needles = [
        needle
        for what, needle in (
            ("email", her.email),
            *(("name", name) for name in filter(is_searchable, names)),
        )
        if what not in explained and her.site_ids is None
    ]
    in_file = vacuum.file_holds(needles)
    return {
        "swept": swept,
        "left": left,
        "file_searched": in_file is not None and her.site_ids is None,
        "in_file": len(in_file or []),
    }


def _say(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    left = answer.pop("left", None)
    for name, value in answer.items():
        click.echo(f"{name.replace('_', ' '):15} {value}")
    for each in left or ():
        rows = f"{each['rows']}{'+' if each['more'] else ''} rows"
        where = f"{each['table']}.{each['column']}, {rows} ({', '.join(each['ids'])})"
        click.echo(f"still there: {each['what']} in {where}{_mend(each)}")
    if left == []:
        click.echo("Neither her address nor a name of hers is in the database.")


def _mend(remnant: dict[str, Any]) -> str:
    if remnant["table"] == "moderator":
        return ": she is a moderator; flask moderator remove EMAIL"
    if remnant["table"] in person_erasure.NEVER_CHANGED:
        return ": in the address of a page or the name of a site; flask thread move, flask site set"
    return ": in words that are kept; --remove-text takes away her own, other people's are theirs"
