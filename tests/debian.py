"""Debian for the tests of installations: made by debootstrap, an image by buildah, booted by systemd-nspawn."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services import ROOT

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# As Docker's "slim" images leave it out of Debian.
NOT_SLIM = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/log",
)
# Where a registry is reached through a proxy with a certificate of its own.
CERTIFICATES = os.environ.get("PIP_CERT", "")
CHROOT = shutil.which("chroot", path=PATH) or "chroot"
ENTER = """
mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"
mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; mount -t tmpfs tmpfs "$1/tmp"; mount --bind "$2" "$1/data"
[ -z "$3" ] || mount --bind "$3" "$1/mnt"
shift 3
exec env -i "$@"
"""


def made(folder: Path, architecture: str = "") -> Path:
    """A small Debian 12, for this machine's processor or another one. KAIWA_DEBIAN names one that was made earlier."""
    earlier = os.environ.get("KAIWA_DEBIAN")
    if earlier and not architecture:
        return Path(earlier)
    chosen = [f"--arch={architecture}"] if architecture else []
    run("debootstrap", "--variant=minbase", *chosen, "bookworm", str(folder))
    for name in NOT_SLIM:
        for each in (folder / name).iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    return folder


def run(*command: str, **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def copied(root: Path, folder: Path) -> Path:
    run("cp", "--archive", str(root), str(folder))
    shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
    if CERTIFICATES:
        shutil.copy(CERTIFICATES, folder / "etc/registry.crt")
    return folder


@dataclass
class Buildah:
    """buildah with a storage of its own, for this machine's processor if no other is named."""

    folder: Path
    architecture: str = ""

    def __call__(self, *words: str) -> str:
        storage = [
            "--root",
            str(self.folder / "storage"),
            "--runroot",
            str(self.folder / "run"),
            "--storage-driver",
            "vfs",
        ]
        return run("buildah", *storage, *words, env=os.environ | {"BUILDAH_ISOLATION": "chroot"}).strip()

    def base(self, root: Path) -> str:
        container = self("from", *self._chosen(), "scratch")
        self("add", "--quiet", container, str(root), "/")
        self("commit", "--quiet", "--rm", container, "localhost/base")
        return "localhost/base"

    def build(self, base: str) -> None:
        certificates = ["--volume", f"{CERTIFICATES}:/run/registry.crt:ro", "--build-arg", "PIP_CERT=/run/registry.crt"]
        given = ["--build-arg", f"BASE={base}", *(certificates if CERTIFICATES else [])]
        options = ["--format", "docker", *self._chosen(), *given]
        self("build", *options, "--file", str(ROOT / "deploy/Containerfile"), "--tag", "kaiwa", str(ROOT))

    def config(self) -> dict[str, Any]:
        return dict(json.loads(self("inspect", "--type", "image", "kaiwa"))["Docker"]["config"])

    def mounted(self) -> Path:
        return Path(self("mount", self("from", *self._chosen(), "localhost/kaiwa")))

    def _chosen(self) -> list[str]:
        return ["--platform", f"linux/{self.architecture}"] if self.architecture else []


@dataclass
class Container:
    """The image's root, read-only, as its user, with a volume; as Docker runs it, without Docker."""

    root: Path
    data: Path
    config: dict[str, Any]
    settings: Mapping[str, str]
    sockets: Path | None = None

    def command(self, *words: str) -> list[str]:
        environment = dict(each.split("=", 1) for each in self.config["Env"]) | self.settings
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-euc", ENTER, "sh", str(self.root)]
        inside = [
            CHROOT,
            f"--userspec={self.config['User']}",
            str(self.root),
            "sh",
            "-c",
            'cd /data; exec "$@"',
            "sh",
            *words,
        ]
        given = [f"{name}={value}" for name, value in environment.items()]
        return [*enter, str(self.data), str(self.sockets or ""), *given, *inside]

    def __call__(self, *words: str) -> str:
        return run(*self.command(*words))


@dataclass
class Machine:
    """A booted Debian, with this machine's network."""

    leader: str

    def __call__(self, *words: str, check: bool = True) -> str:
        settings = [f"PATH={PATH}", *(["PIP_CERT=/etc/registry.crt"] if CERTIFICATES else [])]
        command = ["nsenter", "--all", "--target", self.leader, "env", "-i", *settings, *words]
        if check:
            return run(*command)
        return subprocess.run(command, capture_output=True, text=True).stdout


@contextmanager
def booted(root: Path) -> Iterator[Machine]:
    command = ["systemd-nspawn", "--register=no", "--keep-unit", f"--directory={root}", "--boot"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _machine(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _machine(pid: int) -> Machine:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children and re.search(
            "running|degraded", Machine(children[0])("systemctl", "is-system-running", check=False)
        ):
            return Machine(children[0])
        time.sleep(0.5)
    raise AssertionError("systemd did not start")
