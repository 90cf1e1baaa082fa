"""`flask thread`: list, edit, open, close, hold, hide, move and merge the pages of a site."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TextIO

import click
from flask.cli import AppGroup

from app.cli.sites import site_of
from app.desk import naming
from app.errors import Refused
from app.extensions import db
from app.lib.text import clean_line
from app.models import Actor, Site, State, Thread, ThreadAlias, comment_counts
from app.models.thread_change import LONGEST_REASON
from app.moderation import articles
from app.transfer import moves
from app.transfer.moves import REFUSED, Move, Outcome

BATCH = 500

thread = AppGroup("thread", help="List, edit, open, close, move and merge the pages of a site.")
site_option = click.option("--site", "key", required=True, metavar="KEY", help="Site of the pages.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only report what would change.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@thread.command("list")
@site_option
@click.option("--search", default="", metavar="TEXT", help="Only pages with TEXT in URL or title.")
@json_option
def list_(key: str, search: str, as_json: bool) -> None:
    """List the pages with comments, newest first, with their earlier URLs."""
    rows = list(_rows(site_of(key), search))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        state = "" if row["state"] == State.OPEN else f"\t{row['state']}"
        click.echo(f"{row['key']}\t{row['comments']} comments, {row['approved']} approved{state}\t{row['title']}")
        for earlier in row["earlier"]:
            click.echo(f"  earlier {earlier}")


@thread.command("move")
@click.argument("old")
@click.argument("new")
@site_option
@dry_run_option
@json_option
def move(old: str, new: str, key: str, dry_run: bool, as_json: bool) -> None:
    """Move the comments of the page OLD to NEW, which must have none. OLD keeps working."""
    _remap(key, [(old, new)], dry_run, as_json, merge=False)


@thread.command("merge")
@click.argument("old")
@click.argument("into")
@site_option
@dry_run_option
@json_option
def merge(old: str, into: str, key: str, dry_run: bool, as_json: bool) -> None:
    """Merge the comments of the page OLD into those of INTO. This cannot be undone."""
    _remap(key, [(old, into)], dry_run, as_json, merge=True)


@thread.command("set")
@click.argument("page")
@click.argument("changes", nargs=-1, required=True, metavar="NAME=VALUE...")
@site_option
@json_option
def set_(page: str, changes: tuple[str, ...], key: str, as_json: bool) -> None:
    """Set title, URL, date, section or commenters of PAGE (a URL, a path or id:...).

    NAME is title, url, published (such as 2026-11-29), section, or commenters (everyone or members). Later comments do
    not change these values. To let comments set them again, set an empty title and url.
    """
    site = site_of(key)
    found = moves.thread_at(site, page)
    if not found:
        raise click.ClickException(f"Site {key} has no comments at {page}. List all: flask thread list --site {key}")
    try:
        naming.name(found, dict(_change(each) for each in changes))
    except Refused as no:
        raise click.ClickException(no.sentence) from no
    db.session.commit()
    click.echo(json.dumps(_face(found), ensure_ascii=False) if as_json else f"{found.label}\t{found.address}")


def _state_command(name: str, state: State, done: str, help_: str) -> None:
    @thread.command(name, help=f"{help_} PAGE is a URL, a path or id:...; it needs no comments yet.")
    @click.argument("page")
    @site_option
    @click.option("--reason", default="", metavar="TEXT", help="For the log.")
    @json_option
    def set_state(page: str, key: str, reason: str, as_json: bool) -> None:
        site = site_of(key)
        try:
            found = moves.obtain_thread(site, page)
        except Refused as no:
            raise click.ClickException(no.sentence) from no
        changed = articles.set_state(found, state, actor=Actor.OPERATOR, reason=clean_line(reason)[:LONGEST_REASON])
        db.session.commit()
        if as_json:
            click.echo(json.dumps(_face(found) | {"changed": changed is not None}, ensure_ascii=False))
        else:
            click.echo(f"{found.label}\t{done if changed else f'already {state}'}")


for _given in (
    ("open", State.OPEN, "open", "Let readers comment on PAGE."),
    ("close", State.CLOSED, "closed", "Show the comments of PAGE and take no new ones."),
    ("hold", State.HELD, "held", "Hold each new comment and each edit on PAGE for review."),
    ("hide", State.HIDDEN, "hidden", "Show no comments of PAGE and take no new ones."),
):
    _state_command(*_given)


def _change(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in naming.FIELDS:
        raise click.ClickException(f"Expected NAME=VALUE, got {text!r}. Names: {', '.join(naming.FIELDS)}.")
    return name, value


def _face(found: Thread) -> dict[str, Any]:
    started = found.started_at.isoformat() if found.started_at else None
    return {
        "key": found.key,
        "url": found.url,
        "title": found.title,
        "published": started,
        "state": found.state_now,
    }


@thread.command("remap")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@site_option
@dry_run_option
@json_option
def remap(file: TextIO, key: str, dry_run: bool, as_json: bool) -> None:
    """Move all pages of FILE at once: CSV with an old and a new URL in each line.

    Pages can swap URLs. If both pages have comments, they are merged. If one line is invalid, nothing changes. An old
    URL without comments is not an error.
    """
    try:
        pairs = moves.pairs_of(file)
    except Refused as no:
        raise click.ClickException(f"Could not read FILE. {no.sentence}") from no
    _remap(key, pairs, dry_run, as_json, merge=True)


def _rows(site: Site, search: str) -> Iterable[dict[str, Any]]:
    after = 0
    while threads := Thread.of_site(site, after=after, limit=BATCH, search=search):
        ids = [each.id for each in threads]
        numbers, earlier = comment_counts.by_thread(ids), ThreadAlias.of(ids)
        for each in threads:
            yield {
                "key": each.key,
                "url": each.url,
                "title": each.title,
                "state": each.state_now,
                "comments": numbers.get(each.id, 0),
                "approved": each.approved_count,
                "earlier": earlier[each.id],
            }
        after = threads[-1].id


def _remap(key: str, pairs: list[tuple[str, str]], dry_run: bool, as_json: bool, *, merge: bool) -> None:
    done = moves.remap(site_of(key), pairs, merge=merge)
    refused = any(each.outcome in REFUSED for each in done)
    if dry_run or refused:
        db.session.rollback()
    else:
        db.session.commit()
    if as_json:
        shown = [asdict(each) for each in done]
        click.echo(
            json.dumps({"dry_run": dry_run, "done": not (dry_run or refused), "moves": shown}, ensure_ascii=False)
        )
    else:
        for each in done:
            click.echo(f"{each.outcome}\t{each.old} -> {each.new}\t{each.comments} comments")
        _say(done, dry_run, refused)
    raise SystemExit(1 if refused else 0)


def _say(done: list[Move], dry_run: bool, refused: bool) -> None:
    if any(each.outcome == Outcome.TAKEN for each in done):
        click.echo("The new page already has comments. Use flask thread merge to combine them.", err=True)
    if refused:
        click.echo("Nothing changed.", err=True)
    elif dry_run:
        click.echo("Dry run: nothing changed.")
