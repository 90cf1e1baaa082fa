"""The wheel: it has every file, puts one name into site-packages, and runs from any folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder

from app.version import VERSION
from scripts import release
from tests.services import ROOT, Live, free_port

FOLDERS = ("app", "demo", "migrations", "templates")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


def built(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def about(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(f"kaiwa-{VERSION}.dist-info/METADATA"))


def test_the_wheel_has_every_file_of_the_program_below_one_folder(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    files += [ROOT / "config.py", ROOT / "scripts" / "flask_command.py"]
    wanted = {f"kaiwa/{file.relative_to(ROOT)}" for file in files if file.suffix != ".pyc"}
    assert packed == wanted
    kinds = ("templates/base.html", "migrations/alembic.ini", "app/static/thread.css", "ja/LC_MESSAGES/messages.mo")
    assert all(any(name.endswith(kind) for name in packed) for kind in kinds)


def test_the_wheel_wants_the_packages_that_were_tested_or_newer_ones(wheel: Path) -> None:
    wanted = {line for line in about(wheel).get_all("Requires-Dist") or [] if "extra ==" not in line}
    lines = {line for line in (ROOT / "requirements.in").read_text().splitlines() if line and line[0] not in "#-"}
    assert {line.split(">=")[0].lower() for line in wanted} == {line.lower() for line in lines}
    locked = (ROOT / "requirements.txt").read_text()
    for line in wanted:
        name, _, version = line.partition(">=")
        assert f"\n{name.split('[')[0].lower()}=={version} " in f"\n{locked}", line


def test_the_wheel_is_the_same_each_time(wheel: Path, tmp_path: Path) -> None:
    assert built(tmp_path).read_bytes() == wheel.read_bytes()


def test_secrets_of_an_installation_are_in_no_archive(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "app/version.py", "deploy/compose.yaml", "scripts/dependencies.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for name in (".env", "deploy/.env"):
        (tmp_path / name).write_text("SECRET_KEY=canary")
    packed = {file.relative_path for file in SdistBuilder(str(tmp_path)).recurse_included_files()}
    assert "deploy/compose.yaml" in packed and not [name for name in packed if name.endswith(".env")]
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_a_release_has_notes_and_checksums_and_tells_a_missing_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "FOLDER", tmp_path / "dist")
    for name in ("app/version.py", "CHANGELOG.md", "requirements.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    wheel = release.FOLDER / f"kaiwa-{VERSION}-py3-none-any.whl"
    monkeypatch.setattr(release, "build_packages", lambda: wheel.write_text("wheel"))
    monkeypatch.setattr(release, "write_sbom", lambda file: file.write_text("{}"))
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert release.main() == 0
    assert "No image: " in capsys.readouterr().out
    sums = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=release.FOLDER, capture_output=True, text=True)
    assert sums.returncode == 0 and len(sums.stdout.splitlines()) == 4
    notes = (release.FOLDER / f"kaiwa-{VERSION}-notes.md").read_text()
    assert notes.startswith("## ") and VERSION in notes.splitlines()[0] and notes.count("\n## ") == 0


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The folder of another program, whose modules have the names of ours and of libraries."""
    folder = tmp_path / "elsewhere"
    (folder / "app").mkdir(parents=True)
    for name in ("app/__init__.py", "config.py", "flask.py", "demo.py", "granian.py", "json.py"):
        (folder / name).write_text("raise SystemExit('a module of the current folder was imported')\n")
    return folder


@contextmanager
def served(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[Live]:
    """`kaiwa serve` in this folder, with a new database there."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment |= {"PORT": str(port), "WORKERS": "1", "TRANSFER_FOLDER": ""}
    subprocess.run([*command, "db", "upgrade"], cwd=folder, env=environment, check=True, capture_output=True)
    log = folder.parent / "kaiwa.log"
    with log.open("wb") as out:
        process = subprocess.Popen([*command, "serve"], cwd=folder, env=environment, stdout=out, stderr=out)
    live = Live(url, "", log, environment, process)
    try:
        live.wait_ready()
        yield live
    finally:
        live.stop()


@pytest.mark.torture
def test_the_unpacked_wheel_serves_in_a_folder_with_other_modules_of_these_names(
    wheel: Path, elsewhere: Path, tmp_path: Path
) -> None:
    program = tmp_path / "program"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(program)
    command = [sys.executable, "-P", str(program / "kaiwa/scripts/flask_command.py")]
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    before = files_below(program)
    with served(command, elsewhere, environment) as live:
        assert live.processes("flask worker")
    assert "was imported" not in live.log.read_text()
    assert files_below(program) == before
    assert (elsewhere / "instance" / "kaiwa.sqlite3").exists()


def files_below(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))
