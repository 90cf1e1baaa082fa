"""A comment's path: the ids from the root to itself as text that sorts in tree order."""

from typing import Any

from sqlalchemy import String

# Characters of one step: an id in base 32.
STEP = 9
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
# Sorts after every path.
END = "W"
# PostgreSQL would otherwise sort by a language's rules.
Path = String(200).with_variant(String(200, collation="C"), "postgresql")


def place_of(id: int, above: str, max_depth: int) -> dict[str, Any]:
    """Path, depth and root of a reply to `above` (a path, "" for a root)."""
    path = above_at(above, max_depth) + _step(id)
    return {"path": path, "depth": depth_of(path) - 1, "root_id": ids_in(path)[0]}


def above_at(path: str, max_depth: int) -> str:
    """The path above a reply; below the deepest level it joins that level."""
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
