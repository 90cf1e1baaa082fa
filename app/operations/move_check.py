"""Compare both databases of a move row by row, before the new one is used."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection

from app.operations import move_source
from app.operations.move_rows import DIGESTS, Moved, MoveError, Row, digest, moved_tables
from app.operations.move_source import ENDED, Source
from app.operations.move_target import Target

MOST_NAMED = 5


@dataclass(frozen=True)
class Checked:
    """A table in both databases. `wrong`: sentences about the first rows that differ."""

    name: str
    rows: tuple[int, int]
    digests: tuple[int, int]
    wrong: list[str]

    @property
    def ok(self) -> bool:
        return self.rows[0] == self.rows[1] and self.digests[0] == self.digests[1]


def check(target: Target) -> Iterator[Checked]:
    """Each table as it was found. Raises MoveError unless the move is done."""
    known = move_source.state()
    if not known or known.stage != ENDED or not target.is_public():
        raise MoveError("The move is not done yet: run the command without --check.")
    with Source().reading() as here, target.reading_engine().connect().execution_options(reads_only=True) as there:
        for each in moved_tables():
            old, new = _sum(each, here), _sum(each, there)
            wrong = [] if old == new else list(islice(_differences(each, here, there), MOST_NAMED))
            yield Checked(each.name, (old[0], new[0]), (old[1], new[1]), wrong)


def _sum(each: Moved, connection: Connection) -> tuple[int, int]:
    count = total = 0
    for rows in each.batches(connection):
        count, total = count + len(rows), (total + digest(rows)) % DIGESTS
    return count, total


def _differences(each: Moved, here: Connection, there: Connection) -> Iterator[str]:
    for row, other in _pairs(each, here, there):
        name = each.named(each.key_of(row))
        if other is None:
            yield f"{name} is missing in the new database"
        elif row != other:
            yield f"{name} differs: {', '.join(each.difference(row, other))}"
    for row, other in _pairs(each, there, here):
        if other is None:
            yield f"{each.named(each.key_of(row))} is in the new database only"


def _pairs(each: Moved, one: Connection, two: Connection) -> Iterator[tuple[Row, Row | None]]:
    """Rows of one database with those of the same key in the other."""
    for rows in each.batches(one):
        others = {each.key_of(row): row for row in each.rows_with(two, [each.key_of(row) for row in rows])}
        yield from ((row, others.get(each.key_of(row))) for row in rows)
