#!/bin/sh
# Install or upgrade Kaiwa on Debian from a release: see --help.
set -eu

usage() {
    cat <<'END'
usage: install.sh [--no-restart] WHEEL

Installs Kaiwa from the wheel of a release, or upgrades it, on Debian 12 or newer and on Ubuntu 24.04 or newer.
Run it as root, from the unpacked source archive of the same release, whose requirements.txt names the other packages
and their checksums. It may be run again at any time.

  /opt/kaiwa/VERSION-...   the program, owned by root; /opt/kaiwa/current is the one in use
  /etc/kaiwa/kaiwa.env     settings; written once, never replaced
  /var/lib/kaiwa           the SQLite database, keys, uploaded files
  /var/backups/kaiwa       a backup of every night, of two weeks
  /usr/local/bin/kaiwa     the commands, run as the user kaiwa
  /etc/systemd/system      kaiwa.target with web server, worker, and timers

  --no-restart   after an upgrade, let the services run on as they are
END
}

fail() {
    echo "$1" >&2
    exit 1
}

here=$(cd "$(dirname "$0")" && pwd)
source=$(cd "$here/../.." && pwd)
restart=yes wheel=
while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage; exit 0 ;;
        --no-restart) restart=no ;;
        -*) usage >&2; exit 2 ;;
        *) wheel=$1 ;;
    esac
    shift
done
[ -n "$wheel" ] || { usage >&2; exit 2; }
[ "$(id -u)" = 0 ] || fail "Run it as root: sudo $0 $wheel"
[ -f "$wheel" ] || fail "There is no file $wheel."
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' "$source/app/version.py")
case $(basename "$wheel") in
    "kaiwa-$version-"*.whl) ;;
    *) fail "$wheel is not the wheel of $source, which is version $version." ;;
esac

need_python() {
    if ! python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv ca-certificates
    fi
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Kaiwa needs Python 3.11 or newer."
}

make_user_and_folders() {
    install -D -m 0644 "$here/sysusers.conf" /etc/sysusers.d/kaiwa.conf
    install -D -m 0644 "$here/tmpfiles.conf" /etc/tmpfiles.d/kaiwa.conf
    systemd-sysusers /etc/sysusers.d/kaiwa.conf
    systemd-tmpfiles --create /etc/tmpfiles.d/kaiwa.conf
}

# With those of the extras in use, without which the services would not start after an upgrade.
needed_packages() {
    echo requirements.txt
    for each in OTEL_EXPORTER_OTLP_ENDPOINT:otel SENTRY_DSN:sentry; do
        if grep -q "^${each%:*}=." /etc/kaiwa/kaiwa.env 2>/dev/null; then echo "requirements-${each#*:}.txt"; fi
    done
}

# Each release in a folder of its own, complete before `current` names it; a half-made one is made again.
install_program() {
    lists=$(needed_packages)
    sum=$( (cat "$wheel"; cd "$source"; cat $lists) | sha256sum | cut -c1-8)
    folder=/opt/kaiwa/$version-$sum
    if [ ! -e "$folder/complete" ]; then
        rm -rf "$folder"
        install -d -m 0755 /opt/kaiwa
        (umask 022
        python3 -m venv "$folder"
        for list in $lists; do
            "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-cache-dir \
                --require-hashes --only-binary :all: --requirement "$source/$list"
        done
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index "$wheel"
        touch "$folder/complete")
    fi
    ln -sfn "$folder" /opt/kaiwa/next
    mv -T /opt/kaiwa/next /opt/kaiwa/current
}

# The one before stays, to go back to.
remove_old_programs() {
    ls -1dt /opt/kaiwa/*-????????/ | tail -n +3 | while read -r old; do
        [ "$(readlink -f /opt/kaiwa/current)" = "$(readlink -f "$old")" ] || rm -rf "$old"
    done
}

install_files() {
    [ -e /etc/kaiwa/kaiwa.env ] || install -m 0640 -g kaiwa "$here/kaiwa.env" /etc/kaiwa/kaiwa.env
    install -D -m 0755 "$here/kaiwa" /usr/local/bin/kaiwa
    for unit in "$source"/deploy/systemd/*.service "$source"/deploy/systemd/*.timer "$source"/deploy/systemd/*.target; do
        install -D -m 0644 "$unit" "/etc/systemd/system/$(basename "$unit")"
    done
    install -D -m 0644 "$source/deploy/systemd/kaiwa-.service.d/10-common.conf" \
        /etc/systemd/system/kaiwa-.service.d/10-common.conf
}

# Only after an upgrade: a new installation needs its settings first.
restart_services() {
    [ -d /run/systemd/system ] || return 0
    systemctl daemon-reload
    if [ "$restart" = yes ] && systemctl is-active --quiet kaiwa.target; then
        systemctl restart kaiwa.target
    fi
}

need_python
make_user_and_folders
install_program
install_files
restart_services
remove_old_programs

echo "Kaiwa $version is installed."
if grep -q '^PUBLIC_URL=https://comments.example.org$' /etc/kaiwa/kaiwa.env; then
    echo "Next: change PUBLIC_URL in /etc/kaiwa/kaiwa.env, then: systemctl enable --now kaiwa.target"
fi
