"""The order of a page of the queue for a moderator who does not want many hard comments in a row."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import ceil

from sqlalchemy import select

from app.extensions import db
from app.models import Comment, Moderator, Notice, Report
from app.moderation.risk import interleaved, longest_run, risk_of

# Comments further on, among which easier ones are looked for.
AHEAD = 100


@dataclass(frozen=True)
class Paced:
    """Ids in the order of the page; the hard ones at its end, as the next page continues with them."""

    ids: list[int]
    run: int = 0
    # There were no others between them.
    only_hard: bool = False


def paced(moderator: Moderator, ids: list[int], run: int, further: Callable[[], list[int]]) -> Paced:
    """All of these ids, with at most `moderator.hard_in_a_row` hard ones in a row; `run` were shown before.

    Easier ones are taken from `further` if the page has too few. None is left out, and without any that are easier the
    order stays.
    """
    most = moderator.hard_in_a_row
    if not most or not ids:
        return Paced(ids)
    hard = hard_among(ids)
    run = min(run, most)
    if lacking := ceil((len(hard) + run) / most) - 1 - (len(ids) - len(hard)):
        ids = [*ids, *_easier(ids, further, lacking)] if lacking > 0 else ids
    shown = interleaved(ids, hard, most, run)
    longest, end = longest_run(shown, hard, run)
    return Paced(shown, min(end, most), longest > most)


def hard_among(ids: Collection[int]) -> set[int]:
    """Those whose text may be hard to read."""
    rows = db.session.execute(select(Comment.id, Comment.reasons, Comment.mildness).where(Comment.id.in_(ids)))
    reports, notices = Report.open_of(list(ids)), Notice.open_of(ids)
    return {row.id for row in rows if risk_of(row, reports[row.id], row.id in notices)}


def _easier(ids: list[int], further: Callable[[], list[int]], wanted: int) -> list[int]:
    others = [id for id in further()[:AHEAD] if id not in ids]
    hard = hard_among(others)
    return [id for id in others if id not in hard][:wanted]
