"""Fixtures of the import tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def real_exports() -> Path:
    folder = Path(os.environ.get("KAIWA_SHARED_DATA", ROOT.parent / "shared" / "data")) / "imports"
    if not folder.is_dir():
        pytest.skip(f"needs the exports of real sites in {folder} (set KAIWA_SHARED_DATA)")
    return folder
