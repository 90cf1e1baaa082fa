"""Find configuration errors and name the fix for each, for `flask check` and the system page."""

import shlex
import smtplib
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from flask import Flask, current_app
from sqlalchemy.exc import SQLAlchemyError

from app.database import autocommit_reads, snapshot
from app.desk import setup_checks
from app.desk.setup_checks import Finding
from app.errors import NotSent
from app.extensions import db
from app.lib.clock import now
from app.lib.redact import scrubbed
from app.lib.urls import is_origin
from app.models import Delivery, Heartbeat, Site, files, keyring, site_counter
from app.notify import reply_email, smtp
from app.operations import metrics, schema
from app.spam import akismet, filters
from app.spam.filter import WrongModel

LOOPBACK = ("localhost", "127.0.0.1", "::1")
MIN_DISTINCT_CHARACTERS = 10  # of a key; 64 random hexadecimal digits nearly always have 16
STUCK_AFTER = timedelta(minutes=10)
MOST_S = 10.0  # of all slow checks together


def all_findings() -> Iterator[Finding]:
    """Everything; connects to the mail server and Akismet, counts all comments, and writes a row."""
    yield from _before_the_database()
    if trouble := list(_database()):
        yield from trouble
        return
    yield from setup_checks.check_storage()
    for check in (*QUICK, *SLOW.values()):
        yield from check()


def quick_findings() -> Iterator[Finding]:
    """Those that cost a few indexed queries, for a page."""
    yield from _before_the_database()
    if trouble := list(_database()):
        yield from trouble
        return
    for check in QUICK:
        yield from check()


def slow_findings() -> Iterator[Finding]:
    """The others, side by side in a bounded time."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    found: dict[str, list[Finding]] = {}
    threads = [threading.Thread(target=_run, args=(app, name, found), daemon=True) for name in SLOW]
    for thread in threads:
        thread.start()
    until = monotonic() + MOST_S
    for name, thread in zip(SLOW, threads, strict=True):
        thread.join(max(0.0, until - monotonic()))
        yield from found.get(name, [_unfinished(name)])


def _run(app: Flask, name: str, found: dict[str, list[Finding]]) -> None:
    with app.app_context():
        try:
            with autocommit_reads():
                found[name] = list(SLOW[name]())
        finally:
            db.session.remove()


def _unfinished(name: str) -> Finding:
    return "unfinished", f"The check of {name} did not finish within {MOST_S:.0f} seconds.", "Run flask check."


def _before_the_database() -> Iterator[Finding]:
    yield from _check_keys()
    yield from _check_files()
    yield from _check_addresses()
    yield from setup_checks.check_sender()


def _database() -> Iterator[Finding]:
    """Without these no query makes sense."""
    try:
        current = schema.is_current()
    except SQLAlchemyError as trouble:
        yield (
            "database",
            f"Could not connect to the database ({type(trouble).__name__}).",
            "Check DATABASE_URL, and that the database server is running.",
        )
        return
    if not current:
        yield "migrations", "The database schema does not match this version.", "flask db upgrade"


def _check_fingerprint() -> Iterator[Finding]:
    if wrong := keyring.trouble():
        yield "keys", "SECRET_KEY does not belong to this database.", wrong


def _check_keys() -> Iterator[Finding]:
    if len(set(current_app.config["SECRET_KEY"])) < MIN_DISTINCT_CHARACTERS:
        yield "secret-key", "SECRET_KEY is easy to guess.", (
            "Move the current key to SECRET_KEY_FALLBACKS, set a new one from openssl rand -hex 32, then run "
            "flask upkeep rotate-key. Details: docs/keys.md"
        )  # fmt: skip


def _check_files() -> Iterator[Finding]:
    """Key, database and the files beside them must be readable only by their owner."""
    for path in files.open_to_others(Path(current_app.instance_path), files.database_file()):
        mode = "700" if path.is_dir() else "600"
        yield "file-mode", f"Other accounts on this machine can read {path}.", f"chmod {mode} {shlex.quote(str(path))}"


def _check_addresses() -> Iterator[Finding]:
    public, proxies = urlsplit(current_app.config["PUBLIC_URL"]), current_app.config["TRUSTED_PROXIES"]
    if public.scheme == "http" and public.hostname not in LOOPBACK:
        yield (
            "public-url",
            "PUBLIC_URL uses http, so passwords are sent unencrypted.",
            "Serve Kaiwa over https and set PUBLIC_URL to that address.",
        )
    if public.scheme == "https" and not proxies:
        yield "proxies", "PUBLIC_URL uses https, but TRUSTED_PROXIES is empty, so all readers share one address.", (
            "Set TRUSTED_PROXIES to the network of the proxy that terminates TLS, such as 127.0.0.1/32."
        )  # fmt: skip
    if any(network.prefixlen == 0 for network in proxies):
        yield "proxies-everybody", "TRUSTED_PROXIES trusts every address, so any reader can forge their own.", (
            "List only the networks of your own proxies."
        )  # fmt: skip


def _check_mail() -> Iterator[Finding]:
    if not current_app.config["MAIL_URL"] and metrics.moderators():
        yield (
            "mail-unset",
            "MAIL_URL is empty, so moderators are not notified.",
            "Set MAIL_URL=smtp://user:password@host:587",
        )


def _check_mail_server() -> Iterator[Finding]:
    if not current_app.config["MAIL_URL"]:
        return
    try:
        smtp.connect().close()
    except (smtplib.SMTPException, OSError) as trouble:
        yield "mail-server", f"The mail server check failed: {scrubbed(str(trouble))}", (
            "Check host, port, user and password in MAIL_URL."
        )  # fmt: skip


def _check_sites() -> Iterator[Finding]:
    moderators = metrics.moderators_by_site()
    for site in Site.all():
        if not site.origins:
            yield "site-origins", f"Site {site.key} has no origins, so no page can show its comments.", (
                f"flask site set {site.key} origins=https://www.example.org"
            )  # fmt: skip
        if not all(map(is_origin, site.origins)):
            yield "site-origin", f"Site {site.key} has an invalid origin, which is ignored.", (
                f"flask site set {site.key} origins=https://www.example.org"
            )  # fmt: skip
        if not moderators[site.key]:
            yield "site-moderators", f"Site {site.key} has no moderators, so pending comments are never reviewed.", (
                f"flask moderator add EMAIL --name NAME --site {site.key} --role owner"
            )  # fmt: skip


def _check_worker() -> Iterator[Finding]:
    if Heartbeat.is_late():
        seen = Heartbeat.last_seen()
        when = f"since {seen:%Y-%m-%d %H:%M} UTC" if seen else "yet"
        yield (
            "worker",
            f"No worker has been active {when}, so no email is sent.",
            "Run `flask worker` beside the web server.",
        )
    if deaths := Heartbeat.deaths():
        yield (
            "worker-deaths",
            f"Worker crashes in the last 10 minutes: {deaths}.",
            "Check the log of `flask worker`.",
        )
    if failing := Heartbeat.failing_tasks():
        yield "worker-failing", f"Failing worker tasks: {', '.join(failing)}.", "Check the log of `flask worker`."
    given_up = metrics.deliveries_by_outcome().get("gave up", 0)
    if given_up:
        yield (
            "given-up",
            f"Emails that could not be sent: {given_up}.",
            "The log has the reasons. `flask upkeep prune` deletes these emails after 30 days.",
        )
    oldest = Delivery.overdue_since(bulk=reply_email.KIND)
    if current_app.config["MAIL_URL"] and oldest and oldest < now() - STUCK_AFTER:
        yield (
            "outbox",
            f"Emails are overdue since {oldest:%Y-%m-%d %H:%M} UTC. Failed at least once: {Delivery.failing()}.",
            "Check the log of `flask worker`.",
        )


def _check_counts() -> Iterator[Finding]:
    with snapshot():
        drifted = len(site_counter.drifted())
    if drifted:
        yield "counts", f"Stored counts of comments or decisions that are wrong: {drifted}.", "flask upkeep recount"


def _check_akismet() -> Iterator[Finding]:
    for site in (site for site in Site.all() if site.akismet_key):
        if site.akismet_is_mad:
            yield "akismet-doubted", f"Akismet flagged every comment on {site.key} as spam and is now ignored.", (
                f"Check the Akismet account, then run flask site set {site.key} akismet_key=KEY"
            )  # fmt: skip
        if site.akismet_alert:
            yield "akismet-alert", f"Akismet warns about the key of {site.key}: {site.akismet_alert}", (
                "Check the Akismet account."
            )  # fmt: skip


def _check_akismet_keys() -> Iterator[Finding]:
    for site in (site for site in Site.all() if site.akismet_key):
        yield from _check_key(site)


def _check_key(site: Site) -> Iterator[Finding]:
    fix = f"flask site set {site.key} akismet_key=KEY akismet_blog=https://www.example.org"
    try:
        if not akismet.is_valid(site.akismet_key, site.akismet_address):
            yield "akismet-key", f"Akismet rejects the key of {site.key} for this site.", fix
    except NotSent as trouble:
        yield (
            "akismet",
            f"Could not reach Akismet: {scrubbed(str(trouble))}",
            "Check AKISMET_URL and the network.",
        )


def _check_filters() -> Iterator[Finding]:
    for site in Site.all():
        try:
            filters.model_of(site.id)
        except WrongModel as trouble:
            yield "filter", f"The spam filter of {site.key} cannot be read, so every comment is held: {trouble}.", (
                f"flask upkeep retrain --site {site.key}"
            )  # fmt: skip


def _check_values() -> Iterator[Finding]:
    for name in keyring.unreadable():
        yield "unreadable", f"{name} has values that no key decrypts. They are shown as unreadable.", (
            "Add the key they were encrypted with to SECRET_KEY_FALLBACKS, then run flask upkeep rotate-key."
        )  # fmt: skip


QUICK: tuple[Callable[[], Iterator[Finding]], ...] = (
    _check_fingerprint,
    _check_mail,
    _check_sites,
    _check_akismet,
    _check_worker,
    setup_checks.check_demo,
    setup_checks.check_public_url,
    setup_checks.check_clocks,
)
SLOW: dict[str, Callable[[], Iterator[Finding]]] = {
    "encrypted values": _check_values,
    "the mail server": _check_mail_server,
    "spam filters": _check_filters,
    "Akismet keys": _check_akismet_keys,
    "counts": _check_counts,
}
