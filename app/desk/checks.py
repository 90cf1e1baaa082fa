"""Find configuration errors and name the fix for each, for `flask check` and the system page."""

import shlex
import smtplib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from flask import Flask, current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.database import autocommit_reads, snapshot
from app.desk import replica_state, setup_checks
from app.desk.setup_checks import Finding
from app.errors import NotSent
from app.extensions import db
from app.lib.clock import now
from app.lib.language import listed, speaking, tag_now
from app.lib.redact import scrubbed
from app.models import Delivery, Heartbeat, Site, SpamModel, files, keyring, site_counter
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
    threads = [threading.Thread(target=_run, args=(app, tag_now(), name, found), daemon=True) for name in SLOW]
    for thread in threads:
        thread.start()
    until = monotonic() + MOST_S
    for name, thread in zip(SLOW, threads, strict=True):
        thread.join(max(0.0, until - monotonic()))
        yield from found.get(name, [_unfinished(name)])


def _run(app: Flask, lang: str, name: str, found: dict[str, list[Finding]]) -> None:
    with app.app_context(), speaking(lang):
        try:
            with autocommit_reads():
                found[name] = list(SLOW[name]())
        finally:
            db.session.remove()


def _unfinished(name: str) -> Finding:
    wrong = _("The check did not finish within %(num)d seconds: %(name)s.", num=MOST_S, name=NAMES[name])
    return "unfinished", wrong, _("Run flask check.")


def _before_the_database() -> Iterator[Finding]:
    yield from _check_keys()
    yield from _check_files()
    yield from _check_addresses()
    yield from setup_checks.check_sender()


def _database() -> Iterator[Finding]:
    """Without these no query makes sense."""
    try:
        behind = schema.state() == schema.State.BEHIND
    except SQLAlchemyError as trouble:
        yield (
            "database",
            _("Could not connect to the database (%(error)s).", error=type(trouble).__name__),
            _("Check DATABASE_URL, and that the database server is running."),
        )
        return
    if behind:
        yield "migrations", _("The database schema does not match this version."), "flask db upgrade"


def _check_fingerprint() -> Iterator[Finding]:
    if wrong := keyring.trouble():
        yield "keys", _("SECRET_KEY does not belong to this database."), wrong


def _check_keys() -> Iterator[Finding]:
    if len(set(current_app.config["SECRET_KEY"])) < MIN_DISTINCT_CHARACTERS:
        yield "secret-key", _("SECRET_KEY is easy to guess."), _(
            "Move the current key to SECRET_KEY_FALLBACKS, set a new one from openssl rand -hex 32, then run "
            "flask upkeep rotate-key. Details: docs/keys.md"
        )  # fmt: skip


def _check_files() -> Iterator[Finding]:
    """Key, database and the files beside them must be readable only by their owner."""
    for path in files.open_to_others(Path(current_app.instance_path), files.database_file()):
        mode = "700" if path.is_dir() else "600"
        wrong = _("Other accounts on this machine can read %(path)s.", path=path)
        yield "file-mode", wrong, f"chmod {mode} {shlex.quote(str(path))}"


def _check_addresses() -> Iterator[Finding]:
    public, proxies = urlsplit(current_app.config["PUBLIC_URL"]), current_app.config["TRUSTED_PROXIES"]
    if public.scheme == "http" and public.hostname not in LOOPBACK:
        yield (
            "public-url",
            _("PUBLIC_URL uses http, so passwords are sent unencrypted."),
            _("Serve Kaiwa over https and set PUBLIC_URL to that address."),
        )
    if public.scheme == "https" and not proxies:
        yield "proxies", _("PUBLIC_URL uses https, but TRUSTED_PROXIES is empty, so all readers share one address."), _(
            "Set TRUSTED_PROXIES to the network of the proxy that terminates TLS, such as 127.0.0.1/32."
        )  # fmt: skip
    if any(network.prefixlen == 0 for network in proxies):
        yield "proxies-everybody", _("TRUSTED_PROXIES trusts every address, so any reader can forge their own."), _(
            "List only the networks of your own proxies."
        )  # fmt: skip


def _check_mail() -> Iterator[Finding]:
    if not current_app.config["MAIL_URL"] and metrics.moderators():
        yield (
            "mail-unset",
            _("MAIL_URL is empty, so moderators are not notified."),
            _("Set MAIL_URL=smtp://user:password@host:587"),
        )


def _check_mail_server() -> Iterator[Finding]:
    if not current_app.config["MAIL_URL"]:
        return
    try:
        smtp.connect().close()
    except (smtplib.SMTPException, OSError) as trouble:
        yield "mail-server", _("The mail server check failed: %(error)s", error=scrubbed(str(trouble))), _(
            "Check host, port, user and password in MAIL_URL."
        )  # fmt: skip


def _check_worker() -> Iterator[Finding]:
    if Heartbeat.is_late():
        seen = Heartbeat.last_seen()
        yield (
            "worker",
            _("No worker has been active since %(time)s, so no email is sent.", time=f"{seen:%Y-%m-%d %H:%M} UTC")
            if seen
            else _("No worker has been active yet, so no email is sent."),
            _("Run `flask worker` beside the web server."),
        )
    if deaths := Heartbeat.deaths():
        yield (
            "worker-deaths",
            _("Worker crashes in the last 10 minutes: %(num)d.", num=deaths),
            _("Check the log of `flask worker`."),
        )
    if failing := Heartbeat.failing_tasks():
        wrong = _("Failing worker tasks: %(names)s.", names=listed(failing))
        yield "worker-failing", wrong, _("Check the log of `flask worker`.")
    given_up = metrics.deliveries_by_outcome().get("gave up", 0)
    if given_up:
        yield (
            "given-up",
            _("Emails that could not be sent: %(num)d.", num=given_up),
            _("The log has the reasons. `flask upkeep prune` deletes these emails after 30 days."),
        )
    oldest = Delivery.overdue_since(bulk=reply_email.KIND)
    if current_app.config["MAIL_URL"] and oldest and oldest < now() - STUCK_AFTER:
        yield (
            "outbox",
            _(
                "Emails are overdue since %(time)s. Failed at least once: %(num)d.",
                time=f"{oldest:%Y-%m-%d %H:%M} UTC",
                num=Delivery.failing(),
            ),
            _("Check the log of `flask worker`."),
        )


def _check_counts() -> Iterator[Finding]:
    with snapshot():
        drifted = len(site_counter.drifted())
    if drifted:
        wrong = _("Stored counts of comments or decisions that are wrong: %(num)d.", num=drifted)
        yield "counts", wrong, "flask upkeep recount"


def _check_akismet() -> Iterator[Finding]:
    for site in _with_akismet():
        if site.akismet_is_mad:
            yield (
                "akismet-doubted",
                _("Akismet flagged every comment on %(site)s as spam and is now ignored.", site=site.key),
                _("Check the Akismet account, then run flask site set %(site)s akismet_key=KEY", site=site.key),
            )
        if site.akismet_alert:
            wrong = _("Akismet warns about the key of %(site)s: %(alert)s", site=site.key, alert=site.akismet_alert)
            yield "akismet-alert", wrong, _("Check the Akismet account.")


def _check_akismet_keys() -> Iterator[Finding]:
    for site in _with_akismet():
        yield from _check_key(site)


def _with_akismet() -> Sequence[Site]:
    return db.session.scalars(select(Site).where(Site.akismet_key != "").order_by(Site.key)).all()


def _check_key(site: Site) -> Iterator[Finding]:
    fix = f"flask site set {site.key} akismet_key=KEY akismet_blog=https://www.example.org"
    try:
        if not akismet.is_valid(site.akismet_key, site.akismet_address):
            yield "akismet-key", _("Akismet rejects the key of %(site)s for this site.", site=site.key), fix
    except NotSent as trouble:
        yield (
            "akismet",
            _("Could not reach Akismet: %(error)s", error=scrubbed(str(trouble))),
            _("Check AKISMET_URL and the network."),
        )


def _check_filters() -> Iterator[Finding]:
    stored = select(Site).where(Site.id.in_(select(SpamModel.site_id))).order_by(Site.key)
    for site in db.session.scalars(stored).all():
        try:
            filters.model_of(site.id)
        except WrongModel as trouble:
            yield (
                "filter",
                _("The spam filter of %(site)s cannot be read, so every comment is held: %(error)s.",
                  site=site.key, error=trouble),
                f"flask upkeep retrain --site {site.key}",
            )  # fmt: skip


def _check_values() -> Iterator[Finding]:
    for name in keyring.unreadable():
        yield "unreadable", _("%(name)s has values that no key decrypts. They are shown as unreadable.", name=name), _(
            "Add the key they were encrypted with to SECRET_KEY_FALLBACKS, then run flask upkeep rotate-key."
        )  # fmt: skip


QUICK: tuple[Callable[[], Iterator[Finding]], ...] = (
    _check_fingerprint,
    _check_mail,
    setup_checks.check_sites,
    _check_akismet,
    _check_worker,
    setup_checks.check_demo,
    setup_checks.check_move,
    setup_checks.check_public_url,
    setup_checks.check_clocks,
    setup_checks.check_backups,
    setup_checks.check_groups,
)
SLOW: dict[str, Callable[[], Iterator[Finding]]] = {
    "encrypted values": _check_values,
    "the mail server": _check_mail_server,
    "spam filters": _check_filters,
    "Akismet keys": _check_akismet_keys,
    "counts": _check_counts,
    "the identity provider": setup_checks.check_identity_provider,
    "the replica": replica_state.check,
}
NAMES = {
    "encrypted values": _l("encrypted values"),
    "the mail server": _l("the mail server"),
    "spam filters": _l("spam filters"),
    "Akismet keys": _l("Akismet keys"),
    "counts": _l("counts"),
    "the identity provider": _l("the identity provider"),
    "the replica": _l("the replica"),
}
