"""Real input for the tests of app/lib."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("KAIWA_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def real() -> Callable[[str], list[dict[str, Any]]]:
    """Return the rows of a file of shared/data; skip if the folder is missing."""

    def rows(name: str) -> list[dict[str, Any]]:
        if not (SHARED / name).exists():
            pytest.skip(f"real input is missing: {SHARED / name} (set KAIWA_SHARED_DATA)")
        with (SHARED / name).open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    return rows
