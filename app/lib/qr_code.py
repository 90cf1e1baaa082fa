"""QR codes as the path of an SVG, whose attributes a strict CSP allows."""

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import segno

QUIET_ZONE = 4  # modules (ISO/IEC 18004, 9.1)


class QrCode(NamedTuple):
    """`size` modules wide and high, with the quiet zone; `path` draws the dark modules."""

    size: int
    path: str


def draw(text: str) -> QrCode:
    rows = list(segno.make_qr(text, error="m").matrix_iter(border=QUIET_ZONE))
    return QrCode(len(rows), "".join(run for y, row in enumerate(rows) for run in _runs(y, row)))


def _runs(y: int, row: Iterable[int]) -> list[str]:
    """A rectangle for each run of dark modules."""
    found, x = [], 0
    for dark, run in groupby(row):
        width = len(list(run))
        if dark:
            found.append(f"M{x} {y}h{width}v1h-{width}z")
        x += width
    return found
