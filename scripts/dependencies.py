"""The wheel's dependencies: those of requirements.in, at least as new as in the lock file that the tests use."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LOCKED = re.compile(r"^([\w.-]+)==([\w.!+-]+)", re.MULTILINE)


class Dependencies(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        metadata["dependencies"] = dependencies(Path(self.root))


def dependencies(root: Path) -> list[str]:
    locked = dict(LOCKED.findall((root / "requirements.txt").read_text()))
    wanted = (line.strip() for line in (root / "requirements.in").read_text().splitlines())
    return [f"{line}>={locked[_name(line)]}" for line in wanted if line and not line.startswith(("#", "-"))]


def _name(requirement: str) -> str:
    """As lock files write it (PEP 503), without extras."""
    return re.sub(r"[-_.]+", "-", requirement.partition("[")[0]).lower()
