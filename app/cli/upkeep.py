"""`flask upkeep`: delete old rows, train and measure the spam filter, and recount."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TextIO

import click
from flask import current_app
from flask.cli import AppGroup, with_appcontext

from app.cli.sites import site_of
from app.comments import retention
from app.database import snapshot
from app.extensions import db
from app.lib import chain
from app.lib.clock import now
from app.models import (
    ApiAnswer,
    ChainDay,
    CheckerAnswer,
    EmailChange,
    Handover,
    Heartbeat,
    PasswordReset,
    RateLimit,
    Site,
    SiteCounter,
    Webhook,
    audit,
    keyring,
    site_counter,
)
from app.models.audit import Event, Who
from app.models.checker import KEPT as ANSWERS_KEPT
from app.models.handover import KEPT as HANDOVERS_KEPT
from app.moderation import decision_log
from app.operations import metrics, turns
from app.spam import evaluate as evaluation
from app.spam import retraining
from app.spam.filter import Filter
from app.spam.rejections import Rejections
from app.transfer import jobs

DELIVERIES_KEPT = timedelta(days=30)
HEARTBEATS_KEPT = timedelta(days=1)
# In one transaction; the others take one for each step.
AT_ONCE: dict[str, Callable[[], int]] = {
    "limits": RateLimit.forget_restored,
    "api_answers": ApiAnswer.forget_old,
    "logins": metrics.forget_expired_logins,
    "account_links": lambda: PasswordReset.forget_old() + EmailChange.forget_old(),
    "deliveries": lambda: metrics.forget_deliveries_done_before(now() - DELIVERIES_KEPT),
    "webhook_secrets": Webhook.forget_old_secrets,
    "checker_answers": lambda: CheckerAnswer.forget_before(now() - ANSWERS_KEPT),
    "workers": lambda: Heartbeat.forget_before(now() - HEARTBEATS_KEPT),
    "handovers": lambda: Handover.forget_before(now() - HANDOVERS_KEPT),
}
IN_STEPS = dict.fromkeys(["transfers", "audit", *retention.KINDS, "holds"], 0)

upkeep = AppGroup("upkeep", help="Delete old rows, back up, train and measure the spam filter.")


@upkeep.command("prune")
@click.option("--dry-run", is_flag=True, help="Only report what would change.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(dry_run: bool, as_json: bool) -> None:
    """Delete old data: rate limits, expired log-ins and links to accounts, sent email and webhook deliveries (30 days),
    earlier secrets of webhooks and answers to programs (1 day), answers of checkers (365 days), records of stopped
    workers (1 day), hand-over notes that ended (14 days), and files of imports and exports in the browser
    (TRANSFER_DAYS). Erases events of the audit log (AUDIT_LOGIN_DAYS, AUDIT_DAYS).

    Also deletes data whose retention period has passed, as set for each site: networks, browsers, reporters, the text
    of spam, and earlier versions of comments.
    """
    gone = _due() if dry_run else _pruned()
    click.echo(json.dumps(gone) if as_json else ", ".join(f"{name} {count}" for name, count in gone.items()))


def _due() -> dict[str, int]:
    gone = _forget_at_once()
    db.session.rollback()
    with snapshot():
        return gone | IN_STEPS | {"audit": audit.count_due(current_app.config)} | retention.count_all()


def _pruned() -> dict[str, int]:
    """One machine at a time; the others have nothing to do."""
    gone = Counter(dict.fromkeys(AT_ONCE, 0) | IN_STEPS)
    try:
        with turns.turn("prune") as mine:
            gone.update(_forget_at_once())
            db.session.commit()
            for counted in _forget_in_steps():
                if not mine.keeps():
                    break
                db.session.commit()
                gone.update(counted)
    except turns.Held:
        click.echo("Another flask upkeep prune is at work.", err=True)
    return dict(gone)


def _forget_at_once() -> dict[str, int]:
    return {name: forget() for name, forget in AT_ONCE.items()}


def _forget_in_steps() -> Iterator[Mapping[str, int]]:
    for count in jobs.expire():
        yield {"transfers": count}
    for count in audit.forget(current_app.config):
        yield {"audit": count}
    yield from retention.forget_all()


@upkeep.command("retrain")
@click.option("--site", "key", metavar="KEY", help="Train this site only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def retrain(key: str | None, as_json: bool) -> None:
    """Retrain each site's spam filter from the decision log."""
    sites = [(each.id, each.key) for each in ([site_of(key)] if key else Site.all())]
    done = [{"site": key, "fine": model.fine, "spam": model.spam} for key, model in _retrained(sites)]
    for each in [] if as_json else done:
        click.echo(f"{each['site']}: trained on {each['fine']} approved and {each['spam']} spam comments.")
    if as_json:
        click.echo(json.dumps(done))


def _retrained(sites: list[tuple[int, str]]) -> Iterator[tuple[str, Filter]]:
    for id, key in sites:
        model = retraining.retrain(id)
        if model is None:
            raise click.ClickException(f"Decisions on {key} kept changing during the training. Try again later.")
        yield key, model


@upkeep.command("recount")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recount(as_json: bool) -> None:
    """Recount comments and decisions, if `flask check` reports wrong counts.

    On SQLite, new comments wait for it: about a second for a million comments.
    """
    with snapshot():
        drifted = len(site_counter.drifted())
    SiteCounter.recount()
    db.session.commit()
    click.echo(json.dumps({"corrected": drifted}) if as_json else f"corrected  {drifted}")


@upkeep.command("verify-log")
@click.option(
    "--expect",
    metavar="NUMBER:DIGEST",
    callback=lambda _context, _option, text: _head(text),
    help="A head that an earlier run printed; the log must still contain it. It shows that no later row was rewritten.",
)
@click.option(
    "--expect-day",
    "days",
    metavar="SITE:DAY:HEAD",
    multiple=True,
    callback=lambda _context, _option, given: [_day(text) for text in given],
    help="A day's head that was published for the decisions of a site. Can be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify_log(expect: tuple[int, str] | None, days: list[tuple[str, str, str]], as_json: bool) -> None:
    """Verify the hash chains of the audit log and of each site's decisions, and name the first row of each that is
    wrong. Exit code 1 if there is one."""
    with snapshot():
        found = audit.verify(*(expect[:1] if expect else ()))
        decisions = [_decisions(site, days) for site in Site.all()]
    done = found.chain
    if expect and not done.problem and done.digests.get(expect[0]) != expect[1]:
        done.wrong, done.problem = expect[0], chain.Problem.CHANGED
    unknown = sorted({key for key, _day, _head in days} - {each["site"] for each in decisions})
    if unknown:
        raise click.BadParameter(f"There is no site {unknown[0]}.", param_hint="--expect-day")
    right = found.ok and not done.problem
    ok = right and all(each["ok"] for each in decisions)
    told = {
        "ok": right, "rows": done.rows, "erased": done.erased, "erased_without_record": found.unrecorded,
        "head": f"{done.rows}:{done.head}", "wrong": done.wrong, "problem": done.problem,
    }  # fmt: skip
    if as_json:
        click.echo(json.dumps(told | {"ok": ok, "decisions": decisions}))
    else:
        click.echo(_told(told))
        for each in decisions:
            click.echo(f"Decisions of {each['site']}: {_told_of_decisions(each)}")
    raise SystemExit(0 if ok else 1)


def _decisions(site: Site, expected: list[tuple[str, str, str]]) -> dict[str, Any]:
    found = decision_log.verify(site)
    wrong_day = found.wrong_day or _other_day(site, expected)
    return {
        "site": site.key, "ok": found.ok and not wrong_day, "rows": found.chain.rows, "erased": found.chain.erased,
        "head": f"{found.chain.rows}:{found.chain.head}", "wrong": found.chain.wrong, "problem": found.chain.problem,
        "wrong_day": wrong_day, "unlinked": found.unlinked, "first_unlinked": found.first_unlinked,
    }  # fmt: skip


def _other_day(site: Site, expected: list[tuple[str, str, str]]) -> str | None:
    heads = {each.day: each.head for each in ChainDay.all_of(site.id)} if expected else {}
    return next((day for key, day, head in expected if key == site.key and heads.get(day) != head), None)


def _day(text: str) -> tuple[str, str, str]:
    key, _colon, rest = text.partition(":")
    day, colon, head = rest.partition(":")
    if not colon or len(day) != len("YYYY-MM-DD") or not head:
        raise click.BadParameter("Expected SITE:YYYY-MM-DD:HEAD, as the public summary shows it.")
    return key, day, head


def _head(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, colon, digest = text.partition(":")
    if not colon or not number.isdecimal() or len(number) > 18:
        raise click.BadParameter("Expected NUMBER:DIGEST, as an earlier run printed it.")
    return int(number), digest


_PROBLEMS = {
    chain.Problem.MISSING: "Row {wrong} is missing.",
    chain.Problem.CHANGED: "Row {wrong} was changed.",
    chain.Problem.MISPLACED: "Row {wrong} does not continue the row before it.",
    chain.Problem.ADDED: "Row {wrong} was added behind the last one.",
}


def _told(found: dict[str, Any]) -> str:
    if found["problem"]:
        return str(_PROBLEMS[found["problem"]].format(**found))
    if found["erased_without_record"]:
        return f"Rows erased without a record of it: {found['erased_without_record']}."
    return f"{found['rows']} rows are intact, {found['erased']} of them erased after their time. Head: {found['head']}"


def _told_of_decisions(found: dict[str, Any]) -> str:
    if found["problem"]:
        return str(_PROBLEMS[found["problem"]].format(**found))
    if found["unlinked"]:
        return f"{found['unlinked']} without a row in the chain; the first is decision {found['first_unlinked']}."
    if found["wrong_day"]:
        return f"The head of {found['wrong_day']} is another one."
    erased = f", {found['erased']} of them of erased authors" if found["erased"] else ""
    return f"{found['rows']} rows are intact{erased}. Head: {found['head']}"


@upkeep.command("accept-key")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@with_appcontext
def accept_key(yes: bool) -> None:
    """Use the current SECRET_KEY after the earlier one was lost. Values encrypted with it stay unreadable."""
    if not yes:
        click.confirm("Values encrypted with the lost key cannot be recovered. Continue?", abort=True)
    keyring.accept()
    audit.record(Event.KEY_ACCEPTED, by=Who.OPERATOR)
    db.session.commit()
    click.echo("The database now uses the current key. Moderators may need new accounts: flask moderator add")


@upkeep.command("evaluate")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.option("--rejections", metavar="LABEL", help="Measure the likelihood of rejections: rows with this label.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def evaluate(file: TextIO, rejections: str | None, as_json: bool) -> None:
    """Measure the spam filter on FILE: score each row, then train on it.

    FILE is JSON Lines of {"text", "label"}; every label other than "spam" counts as not spam. With --rejections, the
    rows with LABEL are rejections, and all others approved. Nothing is stored.
    """
    model, label = (Rejections(), rejections) if rejections else (Filter(), "spam")
    figures = evaluation.evaluate(_rows(file), model, label)
    lines = (f"{name:22} {value}" for name, value in figures.items())
    click.echo(json.dumps(figures) if as_json else "\n".join(lines))


def _rows(file: TextIO) -> Iterator[dict[str, str]]:
    number = 1
    try:
        for line in file:
            if line.strip():
                row = json.loads(line)
                yield {"text": row["text"] + "", "label": row["label"] + ""}
            number += 1
    except (ValueError, KeyError, TypeError, RecursionError) as trouble:
        said = f'Line {number} is not a JSON object with the strings "text" and "label".'
        raise click.ClickException(said) from trouble
