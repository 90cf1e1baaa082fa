"""Where the ground's tests find real input, and how much processor time a call took."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("KAIWA_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


@pytest.fixture(scope="session")
def real() -> Callable[[str], list[dict[str, Any]]]:
    """Gives the rows of a file of shared/data; skips where the folder is missing."""

    def rows(name: str) -> list[dict[str, Any]]:
        if not (SHARED / name).exists():
            pytest.skip(f"real input is missing: {SHARED / name} (set KAIWA_SHARED_DATA)")
        with (SHARED / name).open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    return rows


@pytest.fixture(scope="session")
def cpu() -> Callable[..., float]:
    """Gives the least processor seconds that a call took in three tries: machines are busy with others."""

    def least(call: Callable[..., object], *values: object) -> float:
        return min(_once(call, *values) for _ in range(3))

    return least


def _once(call: Callable[..., object], *values: object) -> float:
    started = time.process_time()
    call(*values)
    return time.process_time() - started
