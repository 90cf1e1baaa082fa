#!/bin/sh
# Make an installed Kaiwa smaller for an image: slim.sh VIRTUAL_ENVIRONMENT
#
# Removes the installer, debug symbols, tests, type stubs and sources in C. Of Babel's formats of languages without a translation,
# only their existence stays: their names and scripts are elsewhere.
set -eu
venv=$1
packages=$(echo "$venv"/lib/python3*/site-packages)

rm -rf "$packages"/pip "$packages"/pip-*.dist-info "$packages"/setuptools "$packages"/setuptools-*.dist-info \
    "$packages"/pkg_resources "$packages"/_distutils_hack "$packages"/distutils-precedence.pth "$venv"/bin/pip*
# The binding for PyPy.
rm -f "$packages"/zstandard/_cffi.*.so
find "$packages" \( -name tests -o -name test -o -name testing \) -type d -prune -exec rm -rf {} +
find "$packages" \( -name '*.pyi' -o -name '*.c' -o -name '*.h' -o -name '*.pxd' -o -name '*.pyx' \) -type f -delete
find "$packages" -name '*.so' -type f -not -path '*.libs/*' -exec strip --strip-unneeded {} +

"$venv"/bin/python3 - "$packages" <<'END'
import pickle
import sys
from pathlib import Path

packages = Path(sys.argv[1])
translated = {"en", "root", *(folder.name.split("_")[0] for folder in (packages / "kaiwa/app/translations").iterdir())}
for file in (packages / "babel/locale-data").glob("*.dat"):
    if file.stem.split("_")[0] not in translated:
        file.write_bytes(pickle.dumps({}))
END
