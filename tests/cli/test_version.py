"""`flask --version`, and the commands that `flask` finds."""

import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from app.version import VERSION

COMMAND = Path(__file__).parents[2] / "scripts" / "flask_command.py"


def test_the_flask_command_prints_the_version(tmp_path: Path) -> None:
    """Modules that need a setting when they are imported find it in the file."""
    settings = tmp_path / "settings"
    settings.write_text(f"PROMETHEUS_MULTIPROC_DIR={tmp_path}/metrics\n")
    command = [sys.executable, str(COMMAND), "--env-file", str(settings), "--version"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[0] == f"Kaiwa {VERSION}" and "Flask" in run.stdout
    assert (tmp_path / "metrics").is_dir()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_commands_of_our_own_and_of_extensions_are_found(app: Flask) -> None:
    runner = app.test_cli_runner()
    for command in ("db", "worker", "upkeep"):
        assert runner.invoke(args=[command, "--help"]).exit_code == 0
    assert {"db", "worker"} <= {*runner.invoke(args=["--help"]).output.split()}
