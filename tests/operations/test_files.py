"""Only the owner can read the database, the key and the files beside them, whatever the umask."""

import os
import shlex
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_migrate import upgrade
from sqlalchemy import text

from app import create_app
from app.extensions import db


@pytest.fixture
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_created_files_are_private_to_their_owner(tmp_path: Path, careless: None) -> None:
    instance = tmp_path / "instance"
    app = create_app({"MAIL_URL": ""}, instance)
    runner = app.test_cli_runner()
    with app.app_context():
        upgrade()
        for args in (
            ["upkeep", "backup", str(instance / "copy")],
            ["site", "add", "a", "--name", "A", "--origin", "https://a.example"],
        ):
            assert runner.invoke(args=args).exit_code == 0
        assert runner.invoke(args=["export", "--site", "a", "--output", str(instance / "a.jsonl")]).exit_code == 0
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            modes = {path.name: _mode(path) for path in instance.iterdir()}
        assert modes.keys() >= {
            "kaiwa.sqlite3",
            "kaiwa.sqlite3-wal",
            "kaiwa.sqlite3-shm",
            "secret_key",
            "copy",
            "a.jsonl",
        }
        assert set(modes.values()) == {0o600} and _mode(instance) == 0o700
        db.engine.dispose()


def test_check_names_what_others_may_read_and_its_command_fixes_it(tmp_path: Path) -> None:
    instance = tmp_path / "instance"
    app = create_app({"MAIL_URL": ""}, instance)
    with app.app_context():
        upgrade()
        files = [instance / "kaiwa.sqlite3", instance / "secret_key", instance / "old backup.sqlite3"]
        files[2].touch()
        for path in files:
            path.chmod(0o640)
        instance.chmod(0o755)
        for path in (instance, *files):
            said = app.test_cli_runner().invoke(args=["check"]).output
            fix = said.partition(f"can read {path}.\n")[2].splitlines()[0]
            subprocess.run(shlex.split(fix), check=True)
            assert f"can read {path}." not in app.test_cli_runner().invoke(args=["check"]).output
        db.engine.dispose()
