"""`make release`: wheel, source archive, image, SBOM, notes and checksums of this version, in dist/."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "dist"
CONTAINERFILE = ROOT / "deploy" / "Containerfile"
OPTIONS = "IMAGE_OPTIONS"
# Only Docker's format has the health check.
BUILDERS = {
    "docker": ["docker", "build"],
    "podman": ["podman", "build", "--format=docker"],
    "buildah": ["buildah", "build", "--format=docker"],
}


def main() -> int:
    version = version_of(ROOT)
    name = f"kaiwa-{version}"
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob(f"{name}*"):
        old.unlink()
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time())
    build_packages()
    shutil.copyfile(ROOT / "requirements.txt", FOLDER / f"{name}-requirements.txt")
    (FOLDER / f"{name}-notes.md").write_text(notes(version))
    write_sbom(FOLDER / f"{name}.cdx.json")
    done = build_image(FOLDER / f"{name}-image.tar", version)
    files = sorted(FOLDER.glob(f"{name}*"))
    (FOLDER / "SHA256SUMS").write_text("".join(f"{checksum(file)}  {file.name}\n" for file in files))
    for file in files:
        print(f"{file.stat().st_size:>12,}  {file.relative_to(ROOT)}")
    return 0 if done else 1


def version_of(root: Path) -> str:
    found = re.search(r'^VERSION = "([^"]+)"$', (root / "app" / "version.py").read_text(), re.MULTILINE)
    if not found:
        raise SystemExit("app/version.py names no version")
    return found[1]


def commit_time() -> str:
    """Dates in archives are those of the commit, so that the same commit makes the same files."""
    command = ["git", "log", "-1", "--format=%ct"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)  # noqa: S603
    return done.stdout.strip() or "1577836800"


def build_packages() -> None:
    """Wheel and source archive."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(FOLDER)]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603


def notes(version: str) -> str:
    """The part of the changelog about this version."""
    text = (ROOT / "CHANGELOG.md").read_text()
    found = re.search(rf"^## \[?{re.escape(version)}\b.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise SystemExit(f"CHANGELOG.md has no part about {version}")
    return found[0].rstrip() + "\n"


def write_sbom(file: Path) -> None:
    python = ROOT / ".venv" / "audit" / "bin" / "python"
    site_packages = subprocess.run(
        [sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    subprocess.run([python, "scripts/audit.py", site_packages, str(file), "--sbom-only"], cwd=ROOT, check=True)  # noqa: S603


def build_image(file: Path, version: str) -> bool:
    """With the first builder that works here; without one, the release has no image. False if the build failed."""
    builder = next(working_builders(), None)
    if builder is None:
        print("No image: neither docker, podman nor buildah works here.")
        return True
    tag = f"kaiwa:{version}"
    command = [
        *BUILDERS[builder],
        "--file",
        str(CONTAINERFILE),
        "--tag",
        tag,
        *shlex.split(os.environ.get(OPTIONS, "")),
    ]
    save = {"buildah": ["buildah", "push", tag, f"docker-archive:{file}:{tag}"]}
    if subprocess.run([*command, str(ROOT)]).returncode:  # noqa: S603
        print(f"No image: {builder} could not build it. {OPTIONS}='--build-arg BASE=IMAGE' takes another base.")
        return False
    subprocess.run(save.get(builder, [builder, "save", "--output", str(file), tag]), check=True)  # noqa: S603
    return True


def working_builders() -> Iterator[str]:
    for builder in BUILDERS:
        if shutil.which(builder) and not subprocess.run([builder, "info"], capture_output=True).returncode:  # noqa: S603
            yield builder


def checksum(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
