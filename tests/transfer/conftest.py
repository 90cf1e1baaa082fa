"""Fixtures of the import tests."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Write an export to a file whose name does not reveal the format."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "export"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture(scope="session")
def real_exports() -> Path:
    folder = Path(os.environ.get("KAIWA_SHARED_DATA", ROOT.parent / "shared" / "data")) / "imports"
    if not folder.is_dir():
        pytest.skip(f"needs the exports of real sites in {folder} (set KAIWA_SHARED_DATA)")
    return folder
