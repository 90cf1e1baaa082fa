"""Checks of the installation: a leftover demo account, invalid addresses, default time zones, storage."""

from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import urlsplit

from flask import current_app

from app.lib import mailbox, seen_host
from app.models import Moderator, Site
from app.operations import storage

DEMO_SITE, DEMO_MODERATOR = "demo", "demo@example.org"
Finding = tuple[str, str, str]  # a stable code, the problem, the fix
# Reserved names that other mail servers refuse (RFC 2606, RFC 6761, RFC 6762).
NOWHERE = ("localhost", "local", "invalid", "test", "example", "example.com", "example.net", "example.org")


def check_demo() -> Iterator[Finding]:
    site, account = Site.with_key(DEMO_SITE), Moderator.with_email(DEMO_MODERATOR)
    if not account:
        return
    fix = f"flask site remove {DEMO_SITE}" if site else f"flask moderator remove {DEMO_MODERATOR}"
    yield "demo", f"The demo account {DEMO_MODERATOR} can log in here.", f"{fix} (the demo has its own database)"


def check_sender() -> Iterator[Finding]:
    """Only with a mail server."""
    sender = current_app.config["MAIL_FROM"]
    _, address = parseaddr(sender)
    domain = address.rpartition("@")[2].casefold()
    try:
        mailbox.check(address, private_names=True)
        is_nowhere = any(domain == name or domain.endswith(f".{name}") for name in NOWHERE)
    except ValueError:
        is_nowhere = True
    if current_app.config["MAIL_URL"] and is_nowhere:
        yield "mail-from", f"MAIL_FROM is {sender!r}, which mail servers may refuse and which receives no replies.", (
            "Set MAIL_FROM to an address of a domain of yours that MAIL_URL may send for."
        )  # fmt: skip


def check_public_url() -> Iterator[Finding]:
    """Requests come under another host name than PUBLIC_URL."""
    public = urlsplit(current_app.config["PUBLIC_URL"])
    if public.hostname not in seen_host.LOOPBACK:
        return
    if host := seen_host.last(current_app.instance_path):
        yield "public-url-host", f"Requests arrive for {host}, but PUBLIC_URL is {public.geturl()}.", (
            f"If {host} is this service, set PUBLIC_URL=https://{host}"
        )  # fmt: skip
    secure = [site.key for site in Site.all() if any(origin.startswith("https://") for origin in site.origins)]
    if public.scheme == "http" and secure:
        yield "public-url-unset", (
            f"Pages of {', '.join(secure[:5])} use https, but PUBLIC_URL is {public.geturl()}: browsers block it."
        ), "Set PUBLIC_URL to the https address of this service."  # fmt: skip


def check_clocks() -> Iterator[Finding]:
    for site in Site.all():
        if not site.timezone_chosen:
            yield "timezone", f"Site {site.key} uses the default time zone, {site.timezone}.", (
                f"flask site set {site.key} timezone=Europe/London (or timezone={site.timezone} to confirm it)"
            )  # fmt: skip


def check_storage() -> Iterator[Finding]:
    """Storage that is full or read-only, or nearly full."""
    fault = storage.try_to_write()
    state = storage.trouble()
    if fault or state:
        named = ", ".join(filter(None, (state, fault)))
        yield "storage", f"Could not write to the database: {named}.", (
            "Free disk space, mount the disk read-write, or set DATABASE_URL to the primary server."
        )  # fmt: skip
