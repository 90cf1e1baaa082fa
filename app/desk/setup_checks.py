"""Checks of the installation: a leftover demo account, addresses, sites, default time zones, storage."""

from collections.abc import Iterator
from email.utils import parseaddr
from urllib.parse import urlsplit

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import Text, cast, select

from app.desk import single_sign_on
from app.extensions import db
from app.lib import mailbox, seen_host
from app.lib.http_client import NoAnswer
from app.lib.language import listed
from app.lib.redact import scrubbed
from app.lib.urls import is_origin
from app.models import Membership, Moderator, Site
from app.operations import backup_age, move_source, storage

SITES_NAMED = 5  # in one finding
DEMO_SITE, DEMO_MODERATOR = "demo", "demo@example.org"
Finding = tuple[str, str, str]  # a stable code, the problem, the fix
# Reserved names that other mail servers refuse (RFC 2606, RFC 6761, RFC 6762).
NOWHERE = ("localhost", "local", "invalid", "test", "example", "example.com", "example.net", "example.org")


def check_demo() -> Iterator[Finding]:
    site, account = Site.with_key(DEMO_SITE), Moderator.with_email(DEMO_MODERATOR)
    if not account:
        return
    fix = f"flask site remove {DEMO_SITE}" if site else f"flask moderator remove {DEMO_MODERATOR}"
    wrong = _("The demo account %(email)s can log in here. The demo has its own database.", email=DEMO_MODERATOR)
    yield "demo", wrong, fix


def check_move() -> Iterator[Finding]:
    """A server with the old DATABASE_URL would answer each write with 503."""
    known = move_source.state()
    if known is None:
        return
    if known.stage == move_source.ENDED:
        yield (
            "moved",
            _("Kaiwa has moved to %(database)s. This database refuses writes.", database=known.target),
            _("Set DATABASE_URL to the new database and restart, or run flask upkeep move-to --cancel."),
        )
    else:
        yield (
            "moving",
            _("A move to %(database)s has begun and is not done.", database=known.target),
            _("Run flask upkeep move-to with the same URL again, or flask upkeep move-to --cancel."),
        )


def check_groups() -> Iterator[Finding]:
    named = {key for _group, key, _role in current_app.config["OIDC_GROUPS"]}
    if missing := sorted(key for key in named if not Site.with_key(key)):
        yield (
            "oidc-groups",
            _("OIDC_GROUPS names sites that do not exist: %(sites)s.", sites=listed(missing)),
            _("Correct the keys of the sites in OIDC_GROUPS. flask site list shows them."),
        )


def check_identity_provider() -> Iterator[Finding]:
    if not single_sign_on.is_on():
        return
    try:
        single_sign_on.provider().check()
    except NoAnswer as no:
        yield (
            "identity-provider",
            _("The identity provider does not answer as it should: %(trouble)s.", trouble=scrubbed(str(no))),
            _("Check OIDC_ISSUER, and that this machine reaches it. Details: docs/single-sign-on.md"),
        )


def check_sender() -> Iterator[Finding]:
    """Only with a mail server."""
    sender = current_app.config["MAIL_FROM"]
    address = parseaddr(sender)[1]
    domain = address.rpartition("@")[2].casefold()
    try:
        mailbox.check(address, private_names=True)
        is_nowhere = any(domain == name or domain.endswith(f".{name}") for name in NOWHERE)
    except ValueError:
        is_nowhere = True
    if current_app.config["MAIL_URL"] and is_nowhere:
        yield (
            "mail-from",
            _(
                "MAIL_FROM is %(sender)s, which mail servers may refuse and which receives no replies.",
                sender=repr(sender),
            ),
            _("Set MAIL_FROM to an address of a domain of yours that MAIL_URL may send for."),
        )


def check_public_url() -> Iterator[Finding]:
    """Requests come under another host name than PUBLIC_URL."""
    public = urlsplit(current_app.config["PUBLIC_URL"])
    if public.hostname not in seen_host.LOOPBACK:
        return
    if host := seen_host.last(current_app.instance_path):
        yield (
            "public-url-host",
            _("Requests arrive for %(host)s, but PUBLIC_URL is %(url)s.", host=host, url=public.geturl()),
            _("If %(host)s is this service, set PUBLIC_URL=https://%(host)s", host=host),
        )
    if public.scheme == "http" and (secure := _with_https()):
        yield (
            "public-url-unset",
            _("Pages of %(sites)s use https, but PUBLIC_URL is %(url)s: browsers block it.", sites=listed(secure),
              url=public.geturl()),
            _("Set PUBLIC_URL to the https address of this service."),
        )  # fmt: skip


def _with_https() -> list[str]:
    """Keys of some sites with a page that uses https."""
    query = select(Site.key).where(cast(Site.origins, Text).contains("https://"))
    return list(db.session.scalars(query.order_by(Site.key).limit(SITES_NAMED)))


def check_sites() -> Iterator[Finding]:
    moderated = select(Membership.site_id).join(Moderator).where(~Moderator.is_program)
    columns = Site.key, Site.origins, Site.id.in_(moderated).label("is_moderated")
    for site in db.session.execute(select(*columns).order_by(Site.key)):
        if not site.origins:
            yield "site-origins", _("Site %(site)s has no origins, so no page can show its comments.", site=site.key), (
                f"flask site set {site.key} origins=https://www.example.org"
            )  # fmt: skip
        if not all(map(is_origin, site.origins)):
            yield "site-origin", _("Site %(site)s has an invalid origin, which is ignored.", site=site.key), (
                f"flask site set {site.key} origins=https://www.example.org"
            )  # fmt: skip
        if not site.is_moderated:
            wrong = _("Site %(site)s has no moderators, so pending comments are never reviewed.", site=site.key)
            yield "site-moderators", wrong, f"flask moderator add EMAIL --name NAME --site {site.key} --role owner"


def check_clocks() -> Iterator[Finding]:
    default = select(Site.key, Site.timezone).where(~Site.timezone_chosen).order_by(Site.key)
    for site in db.session.execute(default):
        yield (
            "timezone",
            _("Site %(site)s uses the default time zone, %(zone)s.", site=site.key, zone=site.timezone),
            _(
                "flask site set %(site)s timezone=Europe/London (or timezone=%(zone)s to confirm it)",
                site=site.key,
                zone=site.timezone,
            ),
        )


def check_storage() -> Iterator[Finding]:
    """Storage that is full or read-only, or nearly full."""
    fault = storage.try_to_write()
    state = storage.trouble()
    if fault or state:
        named = ", ".join(filter(None, (state, fault)))
        yield "storage", _("Could not write to the database: %(trouble)s.", trouble=named), _(
            "Free disk space, mount the disk read-write, or set DATABASE_URL to the primary server."
        )  # fmt: skip


def check_backups() -> Iterator[Finding]:
    ages = backup_age.ages()
    if ages.backup_is_due:
        made = f"{ages.made_at:%Y-%m-%d %H:%M} UTC" if ages.made_at else ""
        yield (
            "backup",
            _("The last backup was made at %(time)s.", time=made) if made else _("No backup was made yet."),
            _("Run flask upkeep backup every day. If another program makes the backups, set BACKUP_MAX_HOURS=0."),
        )
    elif ages.drill_is_due:
        tried = f"{ages.tried_at:%Y-%m-%d %H:%M} UTC" if ages.tried_at else ""
        yield (
            "restore-drill",
            _("The last restore drill was at %(time)s.", time=tried)
            if tried
            else _("No backup was restored on trial yet."),
            _("Run flask upkeep drill with the newest backup."),
        )
