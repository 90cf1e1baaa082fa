#!/bin/sh
# Remove from Debian what an image of Kaiwa never runs, including this file: slim-system.sh ADDED_PACKAGES
#
# Without package manager and Perl, the image cannot be changed from inside. /var/lib/dpkg/status stays for scanners. Packages that
# were added may need all of it, such as PostgreSQL's programs, which start by Perl. Time zones are those of the package tzdata.
set -eu
rm -rf "$0" /var/cache/* /var/lib/apt/lists/* /var/log/* /usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/* \
    /usr/lib/python3*/ensurepip /usr/lib/python3*/idlelib /usr/lib/python3*/lib2to3 /usr/lib/python3*/pydoc_data \
    /usr/lib/python3*/test /usr/lib/python3*/unittest /usr/share/zoneinfo
# Nothing in it becomes root.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
[ -z "${1:-}" ] || exit 0
dpkg --purge --force-all apt libapt-pkg6.0 perl-base e2fsprogs libext2fs2 logsave gpgv debian-archive-keyring \
    libgnutls30 libp11-kit0 libunistring2 libidn2-0 libhogweed6 libnettle8 libtasn1-6 >/dev/null 2>&1
rm -rf /usr/lib/*/gconv /usr/lib/*/libmvec.so* /usr/share/perl5 /var/lib/dpkg/info /var/log/*
