"""`flask rule`: screening rules of a site."""

import json
from datetime import timedelta
from typing import Any, TextIO

import click
from flask.cli import AppGroup

from app.cli.sites import site_of
from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.lib.text import excerpt
from app.models import Effect, Rule, Site, Subject
from app.screening import rules

rule = AppGroup("rule", help="Manage the screening rules of a site.")

SHOWN = 20  # matching comments of a dry run
EXCERPT = 80  # characters of each

effect_option = click.option(
    "--effect", type=click.Choice([e.value for e in Effect]), default="hold", show_default=True
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@rule.command("add")
@click.argument("key")
@click.argument("subject", type=click.Choice([s.value for s in Subject]))
@click.argument("value")
@effect_option
@click.option("--reason", default="", help="Reason, for other moderators.")
@click.option("--days", type=click.IntRange(1, 3650), help="End the rule after this many days.")
@click.option("--dry-run", is_flag=True, help="Show which past comments the rule would match, without adding it.")
@json_option
def add(
    key: str, subject: str, value: str, effect: str, reason: str, days: int | None, dry_run: bool, as_json: bool
) -> None:
    """Add a rule about VALUE to the site KEY.

    A word rule matches VALUE in the text in any disguise; a * at either end matches parts of longer words. A network
    narrower than /24 (IPv4) or /56 (IPv6) is widened to that, because Kaiwa stores no more of an address.
    """
    expires = now() + timedelta(days=days) if days else None
    draft = _draft(site_of(key), subject, effect, value, reason=reason, expires_at=expires)
    if dry_run:
        _tell_dry_run(rules.dry_run(draft), as_json)
        return
    (made,) = rules.create([draft])
    db.session.commit()
    click.echo(json.dumps(_shown(made), ensure_ascii=False) if as_json else _line(made))


@rule.command("list")
@click.argument("key")
@json_option
def list_(key: str, as_json: bool) -> None:
    """List the active rules of the site KEY."""
    standing = Rule.standing(site_of(key))
    if as_json:
        click.echo(json.dumps([_shown(each) for each in standing], ensure_ascii=False))
        return
    for each in standing:
        click.echo(_line(each))


@rule.command("end")
@click.argument("key")
@click.argument("id", type=int)
def end(key: str, id: int) -> None:
    """End the rule ID of the site KEY. It stays in the log."""
    found = Rule.of_site([site_of(key).id], id)
    if not found:
        raise click.ClickException(f"Site {key} has no rule {id}. List all with: flask rule list {key}")
    rules.end(found)
    db.session.commit()
    click.echo(f"Rule {id} ended.")


@rule.command("import")
@click.argument("key")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@effect_option
@json_option
def import_(key: str, file: TextIO, effect: str, as_json: bool) -> None:
    """Add a word rule for each line of FILE. Existing rules stay."""
    found = site_of(key)
    before, words, refused = {each.id for each in Rule.standing(found, Subject.WORD)}, [], []
    for number, line in enumerate(file, 1):
        try:
            words += [rules.draft(found, Subject.WORD, Effect(effect), line)] if line.strip() else []
        except Refused as no:
            refused.append({"line": number, "reason": no.sentence})
    standing = {each.id for each in rules.create(words)}
    db.session.commit()
    told = {"added": len(standing - before), "unchanged": len(standing & before), "refused": refused}
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else _counted(told))


def _draft(site: Site, subject: str, effect: str, value: str, **more: Any) -> Rule:
    try:
        return rules.draft(site, Subject(subject), Effect(effect), value, **more)
    except Refused as no:
        raise click.ClickException(f"{value!r}: {no.sentence}") from no


def _shown(rule: Rule) -> dict[str, Any]:
    expires = rule.expires_at.isoformat() if rule.expires_at else None
    told = {"id": rule.id, "subject": rule.subject, "effect": rule.effect, "value": rule.value}
    return {**told, "reason": rule.reason, "made_at": rule.made_at.isoformat(), "expires_at": expires}


def _line(rule: Rule) -> str:
    until = f"\tuntil {rule.expires_at:%Y-%m-%d %H:%M} UTC" if rule.expires_at else ""
    return f"{rule.id}\t{rule.effect}\t{rule.subject}\t{rule.value}{until}"


def _counted(told: dict[str, Any]) -> str:
    lines = [f"line {each['line']}: {each['reason']}" for each in told["refused"]]
    return "\n".join([*lines, f"{told['added']} added, {told['unchanged']} unchanged, {len(lines)} refused."])


def _tell_dry_run(done: rules.DryRun, as_json: bool) -> None:
    told = {"looked_at": done.looked_at, "touched": len(done.touched), "by_status": dict(done.by_status)}
    if as_json:
        ids = [comment.id for comment, _hits in done.touched]
        click.echo(json.dumps({**told, "comments": ids}))
        return
    click.echo(f"Matches {told['touched']} of the newest {told['looked_at']} comments.")
    for comment, _hits in done.touched[:SHOWN]:
        click.echo(f"{comment.id}\t{comment.status}\t{excerpt(comment.body, EXCERPT)}")
