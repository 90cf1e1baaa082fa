#!/bin/sh
# Make the virtual environment with the first Python that is new enough, or say what is missing.
set -eu
venv=$1

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

python=
for each in python3 python3.14 python3.13 python3.12 python3.11; do
    if new_enough "$each"; then python=$each; break; fi
done
if [ -z "$python" ]; then
    echo "Kaiwa needs Python 3.11 or newer, and found $(python3 --version 2>/dev/null || echo none)." >&2
    echo "Debian and Ubuntu: apt install python3 python3-venv    macOS: brew install python3" >&2
    exit 1
fi

# Debian ships venv's own installer as a package apart.
if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    echo "Installing python3-venv ..."
    if ! { as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq python3-venv; } </dev/null >/dev/null 2>&1; then
        echo "$python cannot make virtual environments. Run: sudo apt install python3-venv" >&2
        exit 1
    fi
fi

# A half-made environment would be taken for a whole one the next time.
"$python" -m venv --clear "$venv" || { rm -rf "$venv"; exit 1; }
