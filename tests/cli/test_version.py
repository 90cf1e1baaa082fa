"""`flask --version`."""

import subprocess
import sys
from pathlib import Path

from app.version import VERSION

COMMAND = Path(__file__).parents[2] / "scripts" / "flask_command.py"


def test_the_flask_command_prints_the_version() -> None:
    run = subprocess.run([sys.executable, str(COMMAND), "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[0] == f"Kaiwa {VERSION}" and "Flask" in run.stdout
