"""`flask upkeep shelve`: what search reads is brought up to date at once, instead of by the worker in time."""

import json
import sys

import click

from app.extensions import db
from app.models import DirtyComment
from app.search import index


@click.command("shelve")
@click.option("--json", "as_json", is_flag=True, help='As {"shelves": ..., "left": ...}.')
def shelve(as_json: bool) -> None:
    """Bring what search reads up to date with all comments, the newest first.

    The worker does the same in time; this is for after an upgrade or a large import. Others go on writing, and it
    may be stopped at any time. `left` is what was written meanwhile.
    """
    numbers = index.dirty_segments()
    with click.progressbar(numbers, label="Shelves", file=sys.stderr, hidden=as_json) as steps:
        made = sum(_make(number) for number in steps)
    left = sum(DirtyComment.by_shelf().values())
    click.echo(json.dumps({"shelves": made, "left": left}) if as_json else f"{made} made, {left} comments left.")


def _make(number: int) -> bool:
    made = index.build(number)
    db.session.commit()
    return made
