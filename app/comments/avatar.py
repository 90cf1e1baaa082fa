"""A small drawing for each author, from a keyed hash of her id on this site and nothing else."""

from markupsafe import Markup

from app.models import Author

COLOURS = (
    "#b4453c",
    "#a2621b",
    "#7a7317",
    "#4d7d2d",
    "#2c7d5b",
    "#2b7587",
    "#3f66ad",
    "#6a58b3",
    "#954b9a",
    "#a8456c",
)
SIDE = 5


def draw(author: Author) -> Markup:
    """An inline SVG, 5 x 5 squares, mirrored; decoration for the eye, hidden from screen readers."""
    seed = author.avatar_seed
    squares = "".join(
        f"M{x} {y}h1v1h-1z" for y in range(SIDE) for x in range(SIDE) if _is_filled(seed, min(x, SIDE - 1 - x), y)
    )
    colour = COLOURS[seed[0] % len(COLOURS)]
    # Built from constants and a hash: nothing in it was typed by anybody.
    return Markup(
        '<svg class="avatar" part="avatar" viewBox="-1 -1 7 7" width="36" height="36" aria-hidden="true">'
        '<path fill="{}" d="{}"/></svg>'
    ).format(colour, squares)


def _is_filled(seed: bytes, column: int, row: int) -> bool:
    """One bit for each of the 15 squares of the left half and the middle."""
    return bool(int.from_bytes(seed[1:3]) >> (column * SIDE + row) & 1)
