"""`flask check` finds what is set up wrong; `flask upkeep` clears away what is done with and measures the filter."""

import json
import shlex
import smtplib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.cli import setup
from app.cli.sites import site_of
from app.comments import retention
from app.database import snapshot
from app.errors import NotSent
from app.extensions import db
from app.lib.clock import now
from app.lib.redact import scrubbed
from app.lib.urls import is_origin
from app.models import Delivery, Heartbeat, RateLimit, Site, Tally, files, keyring, tally
from app.notify import smtp
from app.operations import backup, metrics, schema
from app.spam import akismet, filters, retraining
from app.spam import evaluate as evaluation
from app.spam.filter import Filter, WrongModel
from app.version import VERSION

LOOPBACK = ("localhost", "127.0.0.1", "::1")
FEWEST_CHARACTERS = 10  # different ones in a key; 64 random hexadecimal digits have 16 but for bad luck
STUCK_AFTER = timedelta(minutes=10)

ATTEMPTS_KEPT = timedelta(days=2)
DELIVERIES_KEPT = timedelta(days=30)
HEARTBEATS_KEPT = timedelta(days=1)

Finding = tuple[str, str, str]  # a stable code, what is wrong, how to mend it


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help='As {"ok": ..., "findings": [{"code", "wrong", "mend"}]}.')
@with_appcontext
def check(as_json: bool) -> None:
    """Look for what is set up wrong, and say how to mend it. Ends with 1 when something is."""
    findings = list(_findings())
    if as_json:
        shown = [{"code": code, "wrong": wrong, "mend": mend} for code, wrong, mend in findings]
        click.echo(json.dumps({"ok": not findings, "version": VERSION, "findings": shown}, ensure_ascii=False))
    else:
        click.echo(f"Kaiwa {VERSION}")
        for _code, wrong, mend in findings:
            click.echo(f"{wrong}\n  {mend}")
        click.echo(f"{len(findings)} found." if findings else "All is well.")
    raise SystemExit(1 if findings else 0)


def _findings() -> Iterator[Finding]:
    yield from _about_keys()
    yield from _about_files()
    yield from _about_addresses()
    yield from setup.about_sender()
    try:
        current = schema.is_current()
    except SQLAlchemyError as trouble:
        yield (
            "database",
            f"The database does not answer ({type(trouble).__name__}).",
            "See DATABASE_URL, and whether it runs.",
        )
        return
    if not current:
        yield "migrations", "The database does not have the tables of this version.", "flask db upgrade"
        return
    if wrong := keyring.trouble():
        yield "keys", "SECRET_KEY is not the key of this database.", wrong
    yield from setup.about_storage()
    for look in _WITH_DATABASE:
        yield from look()


def _about_keys() -> Iterator[Finding]:
    if len(set(current_app.config["SECRET_KEY"])) < FEWEST_CHARACTERS:
        yield "secret-key", "SECRET_KEY is easy to guess.", (
            "openssl rand -hex 32 makes a good one; put the present one first into SECRET_KEY_FALLBACKS, then "
            "flask upkeep rotate-key. The whole procedure: docs/keys.md"
        )  # fmt: skip


def _about_files() -> Iterator[Finding]:
    """The key, the database and what lies beside them hold what only their owner may read."""
    for path in files.open_to_others(Path(current_app.instance_path), files.database_file()):
        mode = "700" if path.is_dir() else "600"
        yield "file-mode", f"Others on this machine may read {path}.", f"chmod {mode} {shlex.quote(str(path))}"


def _about_addresses() -> Iterator[Finding]:
    public, proxies = urlsplit(current_app.config["PUBLIC_URL"]), current_app.config["TRUSTED_PROXIES"]
    if public.scheme == "http" and public.hostname not in LOOPBACK:
        yield (
            "public-url",
            "PUBLIC_URL is http: passwords travel in the open.",
            "Serve it by https, and set PUBLIC_URL to that.",
        )
    if public.scheme == "https" and not proxies:
        yield "proxies", "PUBLIC_URL is https, but TRUSTED_PROXIES is empty: all readers look like one.", (
            "Set TRUSTED_PROXIES to the network of what ends TLS, such as 127.0.0.1/32."
        )  # fmt: skip
    if any(network.prefixlen == 0 for network in proxies):
        yield "proxies-everybody", "TRUSTED_PROXIES trusts everybody: any reader can pretend any address.", (
            "Name the networks of your own proxies only."
        )  # fmt: skip


def _about_mail() -> Iterator[Finding]:
    if not current_app.config["MAIL_URL"]:
        if metrics.moderators():
            yield (
                "mail-unset",
                "MAIL_URL is empty: moderators are told of nothing.",
                "Set MAIL_URL=smtp://user:password@host:587",
            )
        return
    try:
        smtp.connect().close()
    except (smtplib.SMTPException, OSError) as trouble:
        yield "mail-server", f"The mail server does not answer as it should: {scrubbed(str(trouble))}", (
            "See host, port, user and password in MAIL_URL."
        )  # fmt: skip


def _about_sites() -> Iterator[Finding]:
    moderators = metrics.moderators_by_site()
    for site in Site.all():
        if not site.origins:
            yield "site-origins", f"Site {site.key} has no origins: no page can show its comments.", (
                f"flask site set {site.key} origins=https://www.example.org"
            )  # fmt: skip
        if not all(map(is_origin, site.origins)):
            yield "site-origin", f"Site {site.key} has an origin that is none; no header names it.", (
                f"flask site set {site.key} origins=https://www.example.org"
            )  # fmt: skip
        if not moderators[site.key]:
            yield "site-moderators", f"Site {site.key} has no moderators: what waits there waits for ever.", (
                f"flask moderator add EMAIL --name NAME --site {site.key} --role owner"
            )  # fmt: skip


def _about_worker() -> Iterator[Finding]:
    if Heartbeat.is_late():
        seen = Heartbeat.last_seen()
        when = f"since {seen:%Y-%m-%d %H:%M} UTC" if seen else "yet"
        yield (
            "worker",
            f"No worker was seen {when}: no letters go out.",
            "Keep `flask worker` running beside the web server.",
        )
    if deaths := Heartbeat.deaths():
        yield "worker-deaths", f"{deaths} workers died in the last ten minutes.", "See the log of `flask worker`."
    if failing := Heartbeat.failing_tasks():
        yield "worker-failing", f"The worker fails at: {', '.join(failing)}.", "See the log of `flask worker`."
    given_up = metrics.deliveries_by_outcome().get("gave up", 0)
    if given_up:
        yield (
            "given-up",
            f"{given_up} letters were given up.",
            "The log has the reasons; `flask upkeep prune` forgets them in time.",
        )
    oldest = Delivery.oldest_waiting()
    if current_app.config["MAIL_URL"] and oldest and oldest < now() - STUCK_AFTER:
        yield (
            "outbox",
            f"Emails have been due since {oldest:%Y-%m-%d %H:%M} UTC; {Delivery.failing()} of them were tried in vain.",
            "See the log of `flask worker`.",
        )


def _about_counts() -> Iterator[Finding]:
    with snapshot():
        drifted = len(tally.drifted())
    if drifted:
        yield "counts", f"{drifted} kept counts of comments or decisions are wrong.", "flask upkeep recount"


def _about_akismet() -> Iterator[Finding]:
    for site in (site for site in Site.all() if site.akismet_key):
        if site.akismet_is_mad:
            yield "akismet-doubted", f"Akismet has called everything on {site.key} spam: it is not believed.", (
                f"See the account of its key; flask site set {site.key} akismet_key=KEY"
            )  # fmt: skip
        if site.akismet_alert:
            yield "akismet-alert", f"Akismet says of the key of {site.key}: {site.akismet_alert}", (
                "See the account of the key."
            )  # fmt: skip
        yield from _about_key(site)


def _about_key(site: Site) -> Iterator[Finding]:
    mend = f"flask site set {site.key} akismet_key=KEY akismet_blog=https://www.example.org"
    try:
        if not akismet.is_valid(site.akismet_key, site.akismet_address):
            yield "akismet-key", f"Akismet does not know the key of {site.key} for this site.", mend
    except NotSent as trouble:
        yield "akismet", f"Akismet does not answer: {scrubbed(str(trouble))}", "See AKISMET_URL, and the way out to it."


def _about_filters() -> Iterator[Finding]:
    for site in Site.all():
        try:
            filters.model_of(site.id)
        except WrongModel as trouble:
            yield "filter", f"The filter of {site.key} cannot be read, so every comment waits: {trouble}.", (
                f"flask upkeep retrain --site {site.key}"
            )  # fmt: skip


def _about_values() -> Iterator[Finding]:
    for name in keyring.unreadable():
        yield "unreadable", f"{name} has values that none of the keys opens: they are shown as unreadable.", (
            "Add the key under which they were written to SECRET_KEY_FALLBACKS, then flask upkeep rotate-key."
        )  # fmt: skip


_WITH_DATABASE: tuple[Callable[[], Iterator[Finding]], ...] = (
    _about_values,
    _about_mail,
    _about_sites,
    _about_filters,
    _about_akismet,
    _about_worker,
    setup.about_demo,
    setup.about_public_url,
    setup.about_clocks,
    _about_counts,
)

upkeep = AppGroup("upkeep", help="Clear away what is done with; take backups; measure the spam filter.")


@upkeep.command("prune")
@click.option("--dry-run", is_flag=True, help="Say what would be forgotten, and forget nothing.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object of counts.")
def prune(dry_run: bool, as_json: bool) -> None:
    """Forget what is done with: rate limits, expired log-ins, finished letters (30 days), dead workers (1 day); and
    what sites keep for a time only: networks, browsers, who reported, the text of spam, earlier texts."""
    gone = {
        "login_attempts": metrics.forget_attempts_before(now() - ATTEMPTS_KEPT),
        "limits": RateLimit.forget_restored(),
        "logins": metrics.forget_expired_logins(),
        "deliveries": metrics.forget_deliveries_done_before(now() - DELIVERIES_KEPT),
        "workers": Heartbeat.forget_before(now() - HEARTBEATS_KEPT),
    }
    kept = dict.fromkeys(retention.KINDS, 0)
    if dry_run:
        db.session.rollback()
        with snapshot():
            kept |= retention.count_all()
    else:
        db.session.commit()
        for counted in retention.forget_all():
            db.session.commit()
            kept |= {name: kept[name] + count for name, count in counted.items()}
    gone |= kept
    click.echo(json.dumps(gone) if as_json else ", ".join(f"{name} {count}" for name, count in gone.items()))


@upkeep.command("retrain")
@click.option("--site", "key", metavar="KEY", help="Of this site only.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def retrain(key: str | None, as_json: bool) -> None:
    """Learn again from the log of decisions what each site's filter knows."""
    sites = [(each.id, each.key) for each in ([site_of(key)] if key else Site.all())]
    done = [{"site": key, "fine": model.fine, "spam": model.spam} for key, model in _retrained(sites)]
    for each in [] if as_json else done:
        click.echo(f"{each['site']}: learnt from {each['fine']} fine and {each['spam']} spam.")
    if as_json:
        click.echo(json.dumps(done))


def _retrained(sites: list[tuple[int, str]]) -> Iterator[tuple[str, Filter]]:
    for id, key in sites:
        model = retraining.retrain(id)
        if model is None:
            raise click.ClickException(f"Somebody decides on {key} all the time; please try again later.")
        yield key, model


@upkeep.command("recount")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def recount(as_json: bool) -> None:
    """Count comments and decisions again, where `flask check` says that the kept counts have drifted.

    On SQLite posts wait for it: about a second for a million comments.
    """
    with snapshot():
        drifted = len(tally.drifted())
    Tally.recount()
    db.session.commit()
    _tell({"corrected": drifted}, as_json)


@upkeep.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def take_backup(file: Path, as_json: bool) -> None:
    """Copy SQLite's database to FILE while the service runs, check the copy, and print its sha256.

    FILE is made for its owner only, and must not be there yet. PostgreSQL has pg_dump: docs/backup.md.
    """
    try:
        _tell(backup.take(file), as_json)
    except backup.NotTaken as no:
        raise click.ClickException(str(no)) from no


@upkeep.command("restore-check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def restore_check(file: Path, as_json: bool) -> None:
    """Look whether FILE could be put in place: whole, of which version, and how much is in it."""
    try:
        found = backup.look_at(file)
    except backup.NotTaken as no:
        raise click.ClickException(str(no)) from no
    _tell(found, as_json)
    if not found["current"] and not as_json:
        click.echo("Its tables are of another version: after it is in place, flask db upgrade.")


def _tell(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    counts = found.pop("counts")
    for name, value in (found | counts).items():
        click.echo(f"{name:10} {value}")


@upkeep.command("accept-key")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def accept_key(yes: bool) -> None:
    """Go on with the present SECRET_KEY although another one is lost: what it encrypted stays unreadable."""
    if not yes:
        click.confirm("What the lost key encrypted cannot be read any more. Go on?", abort=True)
    keyring.accept()
    click.echo("The database goes on with the present key. Moderators may need new accounts: flask moderator add")


@upkeep.command("evaluate")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def evaluate(file: TextIO, as_json: bool) -> None:
    """Judge each row of FILE before learning it, and say how well that went.

    FILE is JSON Lines of {"text", "label"}; the label "spam" stands against all others. Nothing is stored.
    """
    figures_of_run = evaluation.evaluate(_rows(file))
    lines = (f"{name:22} {value}" for name, value in figures_of_run.items())
    click.echo(json.dumps(figures_of_run) if as_json else "\n".join(lines))


def _rows(file: TextIO) -> Iterator[dict[str, str]]:
    number = 1
    try:
        for line in file:
            if line.strip():
                row = json.loads(line)
                yield {"text": row["text"] + "", "label": row["label"] + ""}
            number += 1
    except (ValueError, KeyError, TypeError, RecursionError) as trouble:
        said = f'Line {number} is not a JSON object of {{"text", "label"}}, both texts.'
        raise click.ClickException(said) from trouble
