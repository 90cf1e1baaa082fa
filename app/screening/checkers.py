"""Queue questions to a site's checkers in the outbox.

The worker sends them (`moderation/checker_worker.py`). In hold mode, a comment waits for the answer.
"""

from collections.abc import Iterable
from typing import Any

from app.models import Checker, Comment
from app.notify import outbox

CHECK = "checkers"
# What a comment waits for, and how it came out. All but FINE hold it.
ASKED, FINE, FLAGGED, TROUBLE, WITHDRAWN = "asked", "fine", "flagged", "trouble", "withdrawn"
REMOVED = "removed"


def queue(comment: Comment, checkers: Iterable[Checker]) -> None:
    """Queue a question to each; one that waits already will be about the new text."""
    for checker in checkers:
        outbox.add(checker.kind, comment=comment, once=f"{checker.kind} {comment.id}")


def entry(checker: Checker, state: str, **details: Any) -> dict[str, Any]:
    """A checker's part of the reason, as moderators see it."""
    return {"id": checker.id, "name": checker.name, "state": state, **details}


def entries_of(comment: Comment) -> list[dict[str, Any]]:
    """The parts of the checkers that hold this comment, or held it."""
    reason = next((each for each in comment.reasons if each["check"] == CHECK), {})
    return list(reason.get("each", ()))


def without_quotes(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reasons of a comment, without the words of checkers, which may quote it."""
    return [_without_quotes(each) if each["check"] == CHECK else each for each in reasons]


def _without_quotes(reason: dict[str, Any]) -> dict[str, Any]:
    return reason | {"each": [part | {"why": []} if "why" in part else part for part in reason["each"]]}


def without_question(reasons: list[dict[str, Any]], checker: Checker) -> list[dict[str, Any]]:
    """The reasons of a comment that waits for a checker which is removed."""
    return [_unasked(each, checker) if each["check"] == CHECK else each for each in reasons]


def _unasked(reason: dict[str, Any], checker: Checker) -> dict[str, Any]:
    asked = {"id": checker.id, "state": ASKED}.items()
    return reason | {"each": [each | {"state": REMOVED} if asked <= each.items() else each for each in reason["each"]]}


def holds(entries: Iterable[dict[str, Any]]) -> bool:
    return any(each["state"] != FINE for each in entries)
