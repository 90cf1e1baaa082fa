"""Generated comments for a big demo site; the same ids in each run, so a second run adds only missing ones."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random

from app.lib.clock import now
from app.transfer.record import CommentRecord, Record, Status, ThreadRecord

PER_PAGE = 100
WORDS = (
    "harbour",
    "ferry",
    "bell",
    "tide",
    "morning",
    "quay",
    "lantern",
    "gull",
    "rope",
    "港",
    "船",
    "鐘",
    "潮",
    "朝",
    "雨",
)
STATUSES: dict[int, Status] = {3: "pending", 7: "spam"}  # of twenty comments; the others are approved


def records(origin: str, count: int) -> Iterator[Record]:
    latest = now()
    for number in range(count):
        page = number // PER_PAGE
        if number % PER_PAGE == 0:
            yield ThreadRecord(f"page-{page}", f"{origin}/en/archive/{page}", f"Archive page {page}", open=True)
        yield CommentRecord(
            source_id=str(number),
            thread_source_id=f"page-{page}",
            parent_source_id=str(number - 1) if number % 3 and number % PER_PAGE else None,
            name=f"Reader {number % 5_000}",
            email=f"reader{number % 5_000}@readers.example",
            website="",
            ip="",
            body=_text(number),
            format="markdown",
            created_at=latest - timedelta(minutes=count - number),
            status=STATUSES.get(number % 20, "approved"),
        )


def _text(number: int) -> str:
    dice = Random(number)  # noqa: S311 - the same text in each run
    return f"{number}: " + " ".join(dice.choices(WORDS, k=dice.randrange(5, 40)))
