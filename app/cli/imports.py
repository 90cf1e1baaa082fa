"""`flask import`: import comments of another program, with a report on each."""

import json
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from flask.cli import with_appcontext
from sqlalchemy.exc import IntegrityError

from app.cli import recording
from app.cli.sites import KEY_RULE, site_of
from app.extensions import db
from app.models.audit import Event
from app.models.site import KEY
from app.transfer import archive
from app.transfer.addresses import move_of
from app.transfer.detect import READERS, advice, detect
from app.transfer.record import Trouble, TruncatedFile, UnreadableFile
from app.transfer.restore import Restore
from app.transfer.run import ImportRun, Options, Phase, Step
from app.transfer.source import Source
from app.transfer.staging import Staging

LISTED = 20  # lines of each kind on a terminal; --json has all
PAGES = 1_000  # in JSON, unless all are asked for
REDRAWN = 0.2  # seconds
MIN_SHARE = 0.001  # before the time left is shown; a forged database may have any highest id


@click.command("import")
@click.argument("words", nargs=-1, required=True, metavar="[FORMAT] FILE")
@click.option("--site", "key", required=True, metavar="KEY", help="Site to import into.")
@click.option("--dry-run", is_flag=True, help="Report what would be imported, without writing anything.")
@click.option(
    "--map", "moves", multiple=True, metavar="OLD=NEW", help="Map old URLs or prefixes to new ones. Repeatable."
)
@click.option("--close-threads", is_flag=True, help="Close the imported threads to new comments.")
@click.option("--pingbacks", is_flag=True, help="Import pingbacks and trackbacks too.")
@click.option("--only-public", is_flag=True, help="Skip comments of pages that were not public.")
@click.option("--per-thread", is_flag=True, help="Report every page, not only the largest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def import_(
    words: tuple[str, ...],
    key: str,
    dry_run: bool,
    moves: tuple[str, ...],
    close_threads: bool,
    pingbacks: bool,
    only_public: bool,
    per_thread: bool,
    as_json: bool,
) -> None:
    """Import comments from FILE. Without FORMAT, the format is detected.

    Running it again continues an interrupted import and adds nothing twice. Existing comments are not changed, and no
    email is sent. Exit code 0 if the whole file was read, 1 if it was refused or truncated.
    """
    form, file = _form_and_file(words)
    if (form or _detected(file)) == archive.FORMAT:
        if moves or close_threads or pingbacks or only_public:
            raise click.UsageError(
                "An archive is restored unchanged: --map, --close-threads, --pingbacks and --only-public do not apply."
            )
        if not KEY.fullmatch(key):
            raise click.ClickException(KEY_RULE.format(key))
        raise SystemExit(_restore(Restore(key, file), dry_run=dry_run, as_json=as_json))
    site = site_of(key)
    pairs = [_move(text) for text in moves]
    trouble = ""
    try:
        form = form or detect(file)
    except UnreadableFile as error:
        trouble = _refusal(error, file, "", key)
    options = Options(tuple(pairs), pingbacks=pingbacks, only_public=only_public, close_threads=close_threads)
    source = Source(file, zone=ZoneInfo(site.timezone))
    with ImportRun(site, form, source, options, dry_run=dry_run) as run:
        if form:
            trouble = _read(run, key, quiet=as_json)
            trouble = _written(run, quiet=as_json) or trouble
        counts = {"format": form or None, **run.staging.counts(), "dry_run": dry_run, "trouble": trouble or None}
        if counts["imported"] and not dry_run:
            recording.note(Event.IMPORTED, key=key, format=form, imported=counts["imported"])
        report = _as_json if as_json else _as_text
        for piece in report(counts, run.staging, per_thread=per_thread):
            click.echo(piece, nl=False)
    raise SystemExit(1 if trouble else 0)


def _form_and_file(words: tuple[str, ...]) -> tuple[str, str]:
    if len(words) > 2:
        raise click.UsageError("Expected FILE, or FORMAT and FILE.")
    form = words[0] if len(words) == 2 else ""
    known = (*READERS, archive.FORMAT)
    if form and form not in known:
        raise click.UsageError(f"Unknown format {form!r}. Use one of: {', '.join(known)}.")
    return form, words[-1]


def _detected(file: str) -> str:
    try:
        return detect(file)
    except UnreadableFile:
        return ""


def _restore(restore: Restore, *, dry_run: bool, as_json: bool) -> int:
    """Restore an archive, in steps or in one transaction; return the exit code."""
    trouble = ""
    counts = restore.counts
    try:
        steps = (Step(Phase.WRITING, read, read / max(read, counts.expected, 1)) for read in restore.steps())
        for _step in _shown(steps, "Restoring", quiet=as_json):
            if not dry_run and not restore.in_one_transaction:
                db.session.commit()
    except TruncatedFile as error:
        trouble = str(error)
    except UnreadableFile as error:
        db.session.rollback()
        trouble = _refusal(error, restore.path, archive.FORMAT, restore.key)
    except KeyboardInterrupt:
        db.session.rollback()
        trouble = "Stopped. What was written stays; the same command goes on from here."
    if dry_run:
        db.session.rollback()
    db.session.commit()
    if counts.imported.total() and not dry_run:
        recording.note(Event.IMPORTED, key=restore.key, format=archive.FORMAT, imported=counts.imported["comment"])
    answer = counts.as_json() | {"dry_run": dry_run, "trouble": trouble or None}
    for line in [json.dumps(answer, ensure_ascii=False)] if as_json else _as_lines(answer):
        click.echo(line)
    return 1 if trouble else 0


def _as_lines(answer: dict[str, Any]) -> Iterator[str]:
    for name, counts in answer["tables"].items():
        yield f"{name:10} {counts['read']:>10,} read {counts['imported']:>10,} new {counts['unchanged']:>10,} unchanged"
    for piece in _listed("Skipped:", map(_skip_line, answer["skips"])):
        yield piece.rstrip("\n")
    yield answer["trouble"] or "Next: run flask upkeep retrain to train the spam filter from the restored decisions."


def _move(text: str) -> tuple[str, str]:
    pair = move_of(text)
    if pair is None:
        raise click.BadParameter(f"Expected OLD=NEW, got {text!r}.", param_hint="--map")
    return pair


def _refusal(error: UnreadableFile, path: Path | str, form: str, key: str) -> str:
    """The trouble, and how to go on if the file is of another format."""
    if error.trouble not in (Trouble.UNKNOWN_FORMAT, Trouble.WRONG_FORMAT):
        return str(error)
    return f"{error} {advice(path, form, key)}"


def _read(run: ImportRun, key: str, *, quiet: bool) -> str:
    try:
        for _step in _shown(run.read(), "Reading", quiet=quiet):
            pass
    except sqlite3.OperationalError as error:
        raise click.ClickException(
            f"Not enough space to sort the file ({error}). Set TMPDIR to a larger folder."
        ) from error
    return _refusal(run.error, run.source.path, run.form, key) if run.error else ""


def _written(run: ImportRun, *, quiet: bool) -> str:
    try:
        for _step in _shown(run.write(), "Checking" if run.dry_run else "Writing", quiet=quiet):
            db.session.commit()
    except KeyboardInterrupt:
        db.session.rollback()
        return "Stopped. What was written stays; the same command goes on from here."
    except IntegrityError:
        db.session.rollback()
        return "Another import is writing the same comments. Run the command again when it has finished."
    return ""


def _shown(steps: Iterator[Step], label: str, *, quiet: bool) -> Iterator[Step]:
    """Pass the steps through, and show progress on a terminal: share, rate, time left."""
    if quiet or not sys.stderr.isatty():
        yield from steps
        return
    begun = drawn = time.monotonic()
    click.echo(f"{label} ...", nl=False, err=True)
    for step in steps:
        yield step
        now = time.monotonic()
        if not step.count:
            begun = now  # without the time before the first step, such as sorting
        elif now - drawn > REDRAWN:
            drawn = now
            click.echo(f"\r{label} {_progress(step.count, step.share, now - begun)}\033[K", nl=False, err=True)
    click.echo("\r\033[K", nl=False, err=True)


def _progress(count: int, share: float, seconds: float) -> str:
    shown = f"{count:,} comments, {count / seconds:,.0f} a second"
    if share < MIN_SHARE:
        return shown
    return f"{share:.0%}: {shown}, {timedelta(seconds=round(seconds / share - seconds))} left"


def _as_json(counts: dict[str, Any], staging: Staging, *, per_thread: bool) -> Iterator[str]:
    """One object, streamed: there may be millions of skips."""
    yield json.dumps(counts, ensure_ascii=False)[:-1]
    pages = islice(staging.by_thread(), None if per_thread else PAGES)
    for name, rows in (
        ("skips", staging.skips()),
        ("notes", staging.notes()),
        ("staff", staging.staff()),
        ("by_thread", pages),
    ):
        yield f', "{name}": ['
        for number, row in enumerate(rows):
            yield (", " if number else "") + json.dumps(row, ensure_ascii=False)
        yield "]"
    yield "}\n"


def _as_text(counts: dict[str, Any], staging: Staging, *, per_thread: bool) -> Iterator[str]:
    done = "would be imported" if counts["dry_run"] else "imported"
    statuses = ", ".join(f"{number:,} {status}" for status, number in counts["by_status"].items() if number)
    yield (
        f"{counts['read']:,} comments read on {counts['threads']:,} pages ({counts['format'] or 'unknown format'}).\n"
        f"{counts['imported']:,} {done}, {counts['unchanged']:,} unchanged, {counts['skipped']:,} skipped.\n"
        f"{counts['roots']:,} top-level, {counts['replies']:,} replies, {counts['max_depth']} deep. {statuses}\n"
    )
    taught = counts["teaches"]
    yield (
        f"{taught['approved']:,} approved and {taught['spam']:,} spam comments"
        f" {'would train' if counts['dry_run'] else 'train'} the spam filter, as weaker examples than decisions.\n"
    )
    yield from _listed("Skipped:", map(_skip_line, staging.skips()))
    notes = (f"{each['count']:,} x {each['note']} ({', '.join(each['ids'])})" for each in staging.notes())
    yield from _listed("Changed or guessed:", notes)
    staff = (f"{each['name'] or 'without a name'}, {each['comments']:,} comments" for each in staging.staff())
    yield from _listed("Staff accounts of the source:", staff)
    threads = map(_thread_line, staging.by_thread())
    yield from _listed("By page:", threads, most=sys.maxsize if per_thread else LISTED, rest="--per-thread")
    if counts["trouble"]:
        yield f"{counts['trouble']}\n"


def _thread_line(each: dict[str, Any]) -> str:
    url = each["url"] or each["key"] or "of unknown pages"
    return f"{each['imported']:,} new, {each['unchanged']:,} unchanged, {each['skipped']:,} skipped: {url}"


def _skip_line(skip: dict[str, Any]) -> str:
    line = f" (line {skip['line']})" if "line" in skip else ""
    return f"{skip['id'] or 'without an id'}{line}: {skip['reason']}"


def _listed(heading: str, lines: Iterable[str], *, most: int = LISTED, rest: str = "--json") -> Iterator[str]:
    number = -1
    for number, line in enumerate(lines):
        if number == 0:
            yield f"{heading}\n"
        if number < most:
            yield f"  {line}\n"
    if number >= most:
        yield f"  and {number + 1 - most:,} more; {rest} lists all\n"
