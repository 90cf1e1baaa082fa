"""Counts of a restored archive."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.models import Status
from app.transfer.archive import BY_NAME, FORMAT
from app.transfer.record import Reason, Skip


@dataclass
class RestoreCounts:
    """Counts of comments as in `flask import --json`, and of the other tables."""

    expected: int = 0
    unrecognised_lines: int = 0
    roots: int = 0
    max_depth: int = 0
    by_status: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    imported: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    skips: list[Skip] = field(default_factory=list)

    def unrecognised(self, id: str | None, reason: Reason, line: int) -> None:
        self.unrecognised_lines += 1
        self.skips.append(Skip(id, reason, line))

    def as_json(self) -> dict[str, Any]:
        comments = self.imported["comment"] + self.unchanged["comment"]
        return {
            "format": FORMAT,
            "threads": self.imported["thread"] + self.unchanged["thread"],
            "read": self.read["comment"],
            "imported": self.imported["comment"],
            "unchanged": self.unchanged["comment"],
            "skipped": len(self.skips),
            "roots": self.roots,
            "replies": comments - self.roots,
            "max_depth": self.max_depth,
            "by_status": {status.value: self.by_status[status] for status in Status},
            "skips": [{"id": skip.id, "reason": str(skip.reason), "line": skip.line} for skip in self.skips],
            "tables": {
                name: {"read": self.read[name], "imported": self.imported[name], "unchanged": self.unchanged[name]}
                for name in BY_NAME
            },
        }
