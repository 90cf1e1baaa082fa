#!/bin/sh
# Make sure that there is a Chromium to test in, and a Japanese font to draw with; never skip silently.
set -eu

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

missing=
if [ -n "${KAIWA_CHROMIUM:-}" ]; then
    [ -x "$KAIWA_CHROMIUM" ] || { echo "KAIWA_CHROMIUM=$KAIWA_CHROMIUM cannot be run." >&2; exit 1; }
elif ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null \
        && ! command -v google-chrome >/dev/null; then
    missing=chromium
fi
# Japanese is tested at its real width; without a font every character is the same empty box.
if command -v fc-list >/dev/null && [ -n "$(fc-list :lang=ja family)" ]; then :; else
    missing="$missing fonts-noto-cjk"
fi
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
    echo "Installing $missing ..."
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086  # two packages, two words
    if { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends fontconfig $missing; } </dev/null >"$log" 2>&1; then
        exit 0
    fi
    tail -n 20 "$log" >&2
fi
case $missing in
*chromium*)
    echo "The tests need Chromium. Run: sudo apt install $missing" >&2
    echo "or name another one: KAIWA_CHROMIUM=/path/to/chrome make test" >&2
    exit 1 ;;
*)
    echo "No Japanese font found; Japanese text is tested with the wrong widths ($missing)." >&2 ;;
esac
