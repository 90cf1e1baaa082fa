"""Run all benches, or some: `make bench ARGS="reads posts"`."""

import argparse
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
# Only by name: one downloads Isso, the other needs a folder, an hour and 40 GB.
ON_DEMAND = {"peers", "scaling"}
SHARED = {
    "__init__", "__main__", "constant", "fill", "measure", "plain", "scale_cpu", "scale_fill", "scale_measure",
    "scale_partitions", "service",
}  # fmt: skip
NAMES = sorted(file.stem for file in HERE.glob("*.py") if file.stem not in SHARED)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    names = parser.parse_args().names or [name for name in NAMES if name not in ON_DEMAND]
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    print(about())
    failed = [name for name in names if subprocess.run([sys.executable, "-m", f"bench.{name}"]).returncode]
    if failed:
        sys.exit(f"did not run to the end: {', '.join(failed)}")


def about() -> str:
    """Time, machine and versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("granian", "flask", "sqlalchemy"))
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {platform.machine()}, load {load}; "
        f"Python {platform.python_version()}, {packages}\n"
        "Client and server share the machine: compare ratios within a run."
    )


if __name__ == "__main__":
    main()
