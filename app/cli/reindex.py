"""`flask upkeep reindex`: rebuild outdated segments of the search index now, instead of later by the worker."""

import json
import sys

import click

from app.extensions import db
from app.models import DirtyComment
from app.search import index


@click.command("reindex")
@click.option("--json", "as_json", is_flag=True, help='Print {"segments": ..., "left": ...}.')
def reindex(as_json: bool) -> None:
    """Update the search index with all changed comments, newest first.

    The worker does this over time; run it after an upgrade or a large import. It is safe to interrupt, and comments
    can be posted while it runs; "left" counts those that changed during the run.
    """
    segments, left = _reindex(hide_progress=as_json)
    click.echo(json.dumps({"segments": segments, "left": left}) if as_json else _told(segments, left))


@click.command("shelve", hidden=True, deprecated="Use `flask upkeep reindex`.")
@click.option("--json", "as_json", is_flag=True)
def shelve(as_json: bool) -> None:
    """Until 0.2: the old name of `reindex`, with the old JSON."""
    segments, left = _reindex(hide_progress=as_json)
    click.echo(json.dumps({"shelves": segments, "left": left}) if as_json else _told(segments, left))


def _reindex(*, hide_progress: bool) -> tuple[int, int]:
    numbers = index.dirty_segments()
    with click.progressbar(numbers, label="Indexing", file=sys.stderr, hidden=hide_progress) as steps:
        rebuilt = sum(_build(number) for number in steps)
    return rebuilt, sum(DirtyComment.by_segment().values())


def _build(number: int) -> bool:
    built = index.build(number)
    db.session.commit()
    return built


def _told(segments: int, left: int) -> str:
    return f"Rebuilt {segments} index segments. Comments still to index: {left}."
