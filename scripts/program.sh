#!/bin/sh
# Make sure that the tests have this program of Debian, never skip silently: program.sh COMMAND PACKAGE
set -eu

command=$1 package=$2

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

PATH=$PATH:/usr/sbin
command -v "$command" >/dev/null && exit 0
if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
    echo "Installing $package ..."
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # A policy that says no keeps Debian from starting it as a service.
    if { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
            apt-get install -y --no-install-recommends "$package"; } </dev/null >"$log" 2>&1; then
        exit 0
    fi
    tail -n 20 "$log" >&2
fi
echo "The tests need $command. Run: sudo apt install $package" >&2
exit 1
