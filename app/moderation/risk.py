"""Which pending comments are hard to read, and an order in which not too many of them follow each other."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from math import ceil
from typing import Any

from app.models import Reason

# Percent of `Comment.mildness` up to which a rejection is likely.
HARSH = 40
# What readers report of words that hurt.
HARD_REPORTS = frozenset({Reason.ATTACK, Reason.HATE, Reason.ILLEGAL})


class Risk(StrEnum):
    THREAT = "threat"
    REPORTS = "reports"
    NOTICE = "notice"
    WORDS = "words"
    CHECKER = "checker"
    LIKELY = "likely"


def risk_of(comment: Any, reports: Collection[str], has_notice: bool) -> Risk | None:
    """Why the text may be hard to read; `reports` are the reasons of open reports. None if nothing says so.

    Spam is tedious, not hard: its score and signs say nothing here.
    """
    if any(reason["check"] == "threat" for reason in comment.reasons):
        return Risk.THREAT
    if not HARD_REPORTS.isdisjoint(reports):
        return Risk.REPORTS
    if has_notice:
        return Risk.NOTICE
    if any(reason["check"] == "words" and reason["verdict"] == "reject" for reason in comment.reasons):
        return Risk.WORDS
    if any(_is_flagged(reason) for reason in comment.reasons):
        return Risk.CHECKER
    return Risk.LIKELY if comment.mildness <= HARSH else None


def _is_flagged(reason: Mapping[str, Any]) -> bool:
    each = reason.get("each", ()) if reason["check"] == "checkers" else ()
    return any(one.get("state") == "flagged" and one.get("said") == "reject" for one in each)


def interleaved(ids: Sequence[int], risky: Collection[int], most: int, run: int = 0) -> list[int]:
    """The same ids, of which at most `most` risky ones follow each other as long as there are others between.

    `run` risky ones were before. Risky and others each keep their order; others wait only if they are needed between
    later risky ones.
    """
    hard, calm = deque(id for id in ids if id in risky), deque(id for id in ids if id not in risky)
    following, found = deque(ids), list[int]()
    while hard and calm:
        while following[0] not in (hard[0], calm[0]):
            following.popleft()
        # Others that must be between the risky ones from here on.
        needed = ceil((len(hard) - (most - run)) / most)
        take_calm = run >= most or (following[0] == calm[0] and len(calm) > needed)
        found.append((calm if take_calm else hard).popleft())
        run = 0 if take_calm else run + 1
    return [*found, *hard, *calm]


def longest_run(ids: Sequence[int], risky: Collection[int], run: int = 0) -> tuple[int, int]:
    """The longest series of risky ones, and the length of the one at the end; `run` were before."""
    longest = run
    for id in ids:
        run = run + 1 if id in risky else 0
        longest = max(longest, run)
    return longest, run
