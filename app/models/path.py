"""A comment's place in its thread's tree as text: the ids from the root to itself, so that text order is tree order."""

from functools import reduce
from operator import add
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, cast, func

from app.database import constant

# Each step is an id in base 32 with a fixed width.
STEP = 9
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
# Behind every path.
END = "W"
# PostgreSQL would sort by the rules of a language otherwise.
Path = String(200).with_variant(String(200, collation="C"), "postgresql")


def place_of(id: int, above: str, max_depth: int) -> dict[str, Any]:
    """Path, depth and root of a comment that answers the one with the path `above` ("": nobody)."""
    path = above_at(above, max_depth) + _step(id)
    return {"path": path, "depth": depth_of(path) - 1, "root_id": ids_in(path)[0]}


def above_at(path: str, max_depth: int) -> str:
    """What stands above those who answer that path: below the deepest level they join that level."""
    return path[: STEP * max_depth]


def depth_of(path: str) -> int:
    return len(path) // STEP


def ids_in(path: str) -> list[int]:
    """Ids from the root to the comment itself."""
    return [int(path[at : at + STEP], 32) for at in range(0, len(path), STEP)]


def _step(id: int) -> str:
    digits = ""
    for _ in range(STEP):
        id, digit = divmod(id, 32)
        digits = DIGITS[digit] + digits
    return digits


def step_of(id: ColumnElement[int], digits: ColumnElement[str]) -> ColumnElement[str]:
    """The step that an id is, where the database gives that id; `digits` are ours."""
    steps = (id.bitwise_rshift(constant(5 * at)).bitwise_and(constant(31)) for at in reversed(range(STEP)))
    ends = (cast(each, Integer) + constant(1) for each in steps)
    return reduce(add, (func.substr(digits, each, constant(1), type_=String) for each in ends))
