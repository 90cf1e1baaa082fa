"""The TypeScript client, compiled once for a process."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services import ROOT

CLIENT = ROOT / "clients/typescript"
COMPILER = ROOT / ".venv/typescript/node_modules/typescript/bin/tsc"


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The client and its tests as JavaScript; the compiler checks all types on the way."""
    assert COMPILER.exists(), (
        f"{COMPILER} is missing: run `make .venv/typescript/.installed`, which asks npm’s registry."
    )
    folder = tmp_path_factory.mktemp("typescript")
    command = ["node", str(COMPILER), "-p", str(CLIENT / "test"), "--outDir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CLIENT)
    assert done.returncode == 0, done.stdout
    (folder / "package.json").write_text('{"type": "module"}')
    return folder / "test"


@pytest.fixture(scope="session")
def run() -> Callable[..., dict[str, Any]]:
    """Run a compiled program with Node; returns the object that it prints."""

    def run_with_node(compiled: Path, program: str, *arguments: str) -> dict[str, Any]:
        command = ["node", str(compiled / f"{program}.js"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run_with_node
