#!/bin/sh
# Make sure that there is a Chromium to test in, and a Japanese font to draw with; never skip silently.
# Debian's chromium-headless-shell is the same browser without its windows, and starts in a third of the time.
set -eu

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

has() {
    command -v "$1" >/dev/null
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

install() {
    has apt-get && as_root true 2>/dev/null || return 1
    echo "Installing $* ..."
    { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"; } </dev/null >"$log" 2>&1
}

if [ -n "${KAIWA_CHROMIUM:-}" ]; then
    [ -x "$KAIWA_CHROMIUM" ] || { echo "KAIWA_CHROMIUM=$KAIWA_CHROMIUM cannot be run." >&2; exit 1; }
elif ! has chromium-headless-shell && ! install chromium-headless-shell \
        && ! has chromium && ! has chromium-browser && ! has google-chrome && ! install chromium; then
    tail -n 20 "$log" >&2
    echo "The tests need Chromium. Run: sudo apt install chromium-headless-shell" >&2
    echo "or name another one: KAIWA_CHROMIUM=/path/to/chrome make test" >&2
    exit 1
fi
# Japanese is tested at its real width; without a font every character is the same empty box.
if has fc-list && [ -n "$(fc-list :lang=ja family)" ]; then
    exit 0
fi
install fontconfig fonts-noto-cjk || echo "No Japanese font found; Japanese text is tested with the wrong widths." >&2
