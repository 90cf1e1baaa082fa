"""`make audit`: known vulnerabilities of the locked packages, their licences, and an SBOM in CycloneDX.

Runs in an environment of its own (requirements-audit.txt) and looks into that of Kaiwa.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from importlib.metadata import Distribution, distributions
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

ROOT = Path(__file__).parent.parent
RUNTIME, TESTS = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
# Licences (SPDX) that may be used together with Apache-2.0; LGPL for a library that is imported and not changed.
ACCEPTED = {
    "0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "LGPL-3.0-only", "MIT", "MIT-0",
    "MPL-2.0", "PSF-2.0", "Unlicense",
}  # fmt: skip
# Names of licences in older metadata.
SPDX = {
    "Apache Software License": "Apache-2.0", "BSD License": "BSD", "ISC License (ISCL)": "ISC", "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "The Unlicense (Unlicense)": "Unlicense",
}  # fmt: skip
LOCKED = re.compile(r"^([\w.-]+)==([\w.!+-]+)", re.MULTILINE)
FAMILIAR = re.compile(r"[\w.+-]+(?: (?:OR|AND|WITH) [\w.+-]+)*")


def main(site_packages: str, sbom: str, only: str = "") -> int:
    installed = {canonical(each.name): each for each in distributions(path=[site_packages])}
    packages = {name: installed.get(name) for name, _version in locked(RUNTIME)}
    if missing := [name for name, found in packages.items() if found is None and name not in elsewhere()]:
        print(f"Not installed: {', '.join(missing)}. Run: make check", file=sys.stderr)
        return 2
    found = {name: each for name, each in packages.items() if each}
    write_sbom(found, Path(sbom))
    if only == "--sbom-only":
        return 0
    troubles = [*unusual_licences(found), *vulnerabilities(RUNTIME), *vulnerabilities(TESTS)]
    print("\n".join(troubles) or "Found nothing else.")
    return 1 if troubles else 0


def canonical(name: str) -> str:
    """The name as in the lock files (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(file: Path) -> list[tuple[str, str]]:
    return [(canonical(name), version) for name, version in LOCKED.findall(file.read_text())]


def elsewhere() -> set[str]:
    """Packages that are locked for other systems or versions of Python."""
    lines = RUNTIME.read_text().splitlines()
    return {canonical(line.split("==")[0]) for line in lines if "==" in line and ";" in line}


def licence(about: Message) -> str:
    """An SPDX expression, or the metadata's own words if they are none."""
    if expression := about.get("License-Expression"):
        return str(expression)
    names = [line.split("::")[-1].strip() for line in about.get_all("Classifier") or [] if line.startswith("License")]
    known = sorted({SPDX[name] for name in names if name in SPDX})
    words = str(about.get("License") or "").strip()
    if known:
        return words if FAMILIAR.fullmatch(words) and known == ["BSD"] else " OR ".join(known)
    return SPDX.get(words, words.partition("\n")[0])


def unusual_licences(packages: dict[str, Distribution]) -> Iterator[str]:
    by_licence: dict[str, list[str]] = {}
    for name, each in packages.items():
        by_licence.setdefault(licence(each.metadata), []).append(name)
    print("Licences:")
    for words, names in sorted(by_licence.items()):
        print(f"  {words or 'unknown'}: {', '.join(names)}")
        if not words or set(re.split(r" (?:OR|AND|WITH) ", words)) - ACCEPTED:
            yield f"Licence to look at: {words or 'unknown'} ({', '.join(names)})"


def write_sbom(packages: dict[str, Distribution], file: Path) -> None:
    make = LicenseFactory()
    bom = Bom()
    if moment := os.environ.get("SOURCE_DATE_EPOCH"):
        # The same commit makes the same file.
        bom.metadata.timestamp = datetime.fromtimestamp(int(moment), UTC)
        bom.serial_number = uuid5(NAMESPACE_URL, f"kaiwa {version_of_ours()} {moment}")
    kaiwa = Component(name="kaiwa", type=ComponentType.APPLICATION, version=version_of_ours(), bom_ref="kaiwa")
    bom.metadata.component = kaiwa
    for name, each in packages.items():
        words = licence(each.metadata)
        bom.components.add(Component(
            name=name, version=each.version, bom_ref=f"{name}@{each.version}",
            licenses=[make.make_from_string(words)] if words else [],
            purl=PackageURL("pypi", name=name, version=each.version),
        ))  # fmt: skip
    bom.register_dependency(kaiwa, bom.components)
    file.parent.mkdir(parents=True, exist_ok=True)
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    file.write_text(f"{text}\n")
    print(f"SBOM: {file}, {len(packages)} packages")


def version_of_ours() -> str:
    found = re.search(r'VERSION = "([^"]+)"', (ROOT / "app" / "version.py").read_text())
    if not found:
        raise SystemExit("app/version.py names no version")
    return found[1]


def vulnerabilities(file: Path) -> Iterator[str]:
    """Ask pip-audit; a service that is out of reach is said, because silence would mean "none known"."""
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off",
               "--format", "json", "--requirement", str(file)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)  # noqa: S603
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"Vulnerabilities of {file.name}: NOT CHECKED, pip-audit failed: {done.stderr.strip().splitlines()[-1:]}")
        return
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    if unknown:
        print(f"Vulnerabilities of {file.name}: {len(unknown)} of {len(packages)} packages NOT CHECKED, because their "
              "data could not be reached. Run again with access to pypi.org.")  # fmt: skip
    else:
        print(f"Vulnerabilities of {file.name}: {len(packages)} packages checked")
    for each in packages:
        for known in each.get("vulns", ()):
            fixed = ", ".join(known["fix_versions"]) or "no fixed version yet"
            yield f"{each['name']} {each['version']}: {known['id']}, fixed in {fixed}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
