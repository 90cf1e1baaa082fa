"""`flask site`: sites and their settings."""

import json
import sys
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from werkzeug.datastructures import MultiDict

from app.cli.tag import LANGUAGE
from app.comments import removal
from app.desk import settings as site_settings
from app.desk import wording
from app.extensions import db
from app.forms.site import FIELDS, WORDS
from app.forms.wording import TypedWording
from app.lib.clock import now
from app.lib.language import DEFAULT, SOURCE, speaking
from app.models import Site, Wording, audit
from app.models.audit import Event, Who
from app.models.site import KEY
from app.operations import metrics
from app.screening import backtest

site = AppGroup("site", help="Manage sites and their settings.")

NO = [word for word, means in WORDS.items() if not means]
KEY_RULE = "Invalid KEY {!r}: use 1 to 64 characters of a-z, 0-9 and hyphens, without a hyphen at either end."


@site.command("add")
@click.argument("key")
@click.option("--name", required=True, help="Site name, shown to readers and moderators.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    required=True,
    help="Site URL, such as https://www.example.org. Repeatable.",
)
@click.option("--lang", type=LANGUAGE, default=DEFAULT, show_default=True, help="Language of the site.")
@click.option(
    "--timezone",
    help="Time zone, such as Europe/London. If not given: Asia/Tokyo for --lang ja, otherwise asked for.",
)
def add(key: str, name: str, origins: tuple[str, ...], lang: str, timezone: str | None) -> None:
    """Add a site. KEY is the value of data-site in the embed code."""
    if not KEY.fullmatch(key):
        raise click.ClickException(KEY_RULE.format(key))
    if Site.with_key(key):
        raise click.ClickException(f"Site {key!r} already exists. Change it with: flask site set {key} NAME=VALUE")
    new = Site(key=key, lang=lang, name=_read("name", name), origins=_read("origins", ",".join(origins)))
    new.timezone, new.timezone_chosen = _clock(lang, timezone)
    db.session.add(new)
    audit.record(Event.SITE_ADDED, by=Who.OPERATOR, site=new, name=new.name, origins=new.origins)
    db.session.commit()
    click.echo(f"Site {key} added for {', '.join(new.origins)}.")
    click.echo(f"Next: flask moderator add EMAIL --name NAME --site {key} --role owner --password-stdin")


def _clock(lang: str, timezone: str | None) -> tuple[str, bool]:
    """The site's time zone, and whether that is certain. A program that cannot be asked gets UTC."""
    if timezone is None and lang == "ja":
        return "Asia/Tokyo", True
    if timezone is None and sys.stdin.isatty():
        timezone = click.prompt("Time zone of the site, such as Europe/London", default="UTC", err=True)
    if timezone is None:
        click.echo("No --timezone given, using UTC. Change it with: flask site set KEY timezone=", err=True)
        return "UTC", False
    return _read("timezone", timezone), True


@site.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all sites."""
    waiting = metrics.pending_by_site()
    found: list[dict[str, Any]] = [
        {"key": s.key, "name": s.name, "lang": s.lang, "origins": s.origins, "pending": waiting[s.key]}
        for s in Site.all()
    ]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for each in found:
        click.echo(f"{each['key']}\t{each['name']}\t{each['pending']} pending\t{' '.join(each['origins'])}")


@site.command("show")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(key: str, as_json: bool) -> None:
    """Show all settings of the site KEY."""
    settings = _settings_of(site_of(key))
    if as_json:
        click.echo(json.dumps(settings, ensure_ascii=False))
        return
    for name, value in settings.items():
        click.echo(f"{name}={_typed(value)}")


@site.command("set")
@click.argument("key")
@click.argument("changes", metavar="NAME=VALUE...", nargs=-1, required=True)
def set_(key: str, changes: tuple[str, ...]) -> None:
    """Change settings of the site KEY. If one value is invalid, nothing changes.

    origins+=URL adds an origin to the existing ones.
    """
    found = site_of(key)
    settings: dict[str, Any] = {}
    for text in changes:
        name, value = _change(text, settings.get("origins", found.origins))
        settings[name] = value
    site_settings.change(found, settings, by=Who.OPERATOR)
    db.session.commit()
    click.echo(f"Site {key}: {', '.join(changes)}")


@site.command("words")
@click.argument("key")
@click.argument("changes", metavar="[NAME=VALUE...]", nargs=-1)
@click.option("--lang", type=LANGUAGE, help="Language of the words. Default: the site's.")
def words(key: str, changes: tuple[str, ...], lang: str | None) -> None:
    """Show or change the own words of the site KEY in one language.

    They are intro (Markdown), intro_shown, rules_url, rules_version, closed_text, held_text and email_footer.
    """
    found = site_of(key)
    lang = lang or found.lang
    given = dict(text.partition("=")[::2] for text in changes)
    with current_app.test_request_context(), speaking(SOURCE):
        form = TypedWording(obj=Wording.of(found, lang))
        if unknown := given.keys() - form.data.keys():
            raise click.ClickException(f"Unknown: {', '.join(unknown)}. There are: {', '.join(form.data)}.")
        for name, value in given.items():
            is_no = name == "intro_shown" and value.lower() in NO
            form[name].process(MultiDict({name: "" if is_no else value}))
        if not form.validate():
            raise click.ClickException(
                "\n".join(f"{name}: {' '.join(map(str, said))}" for name, said in form.errors.items())
            )
        values = form.values()
    if given:
        wording.change(found, lang, values, by=Who.OPERATOR)
        db.session.commit()
    for name in form.data:
        click.echo(f"{name}={_typed(values[name])}")


@site.command("screening")
@click.argument("key")
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def screening(key: str, days: int, as_json: bool) -> None:
    """Show what the spam score, with its budget, would have done on the site KEY, beside the moderators' decisions."""
    seen = backtest.backtest(site_of(key), now() - timedelta(days=days))
    ids = {"false_positives": [each.id for each in seen.false_positives], "missed": [each.id for each in seen.missed]}
    missing = {"first": seen.missing, "hold": seen.missing_hold, "spam": seen.missing_spam}
    if as_json:
        told = {name: {said or "undecided": count for said, count in row.items()} for name, row in seen.counts.items()}
        reliability = [{"comments": each.count, "score": each.said, "spam": each.was} for each in seen.filled]
        figures = {"days": days, "missing": missing, "thresholds": told, "reliability": reliability}
        click.echo(json.dumps(figures | ids))
        return
    for threshold, row in seen.counts.items():
        click.echo(f"{threshold:5} {row['fine']} approved, {row['spam']} spam, {row['']} undecided")
    for each in seen.filled:
        click.echo(f"score {each.said:.2f}: {each.was:.0%} of {each.count} were spam")
    for budget, count in missing.items():
        click.echo(f"honest comments missing ({budget}): {count}")
    for name, found in ids.items():
        click.echo(f"{name}: {' '.join(map(str, found)) or 'none'}")


@site.command("remove")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON. Requires --yes.")
def remove(key: str, yes: bool, as_json: bool) -> None:
    """Remove the site KEY with its threads, comments, decisions, rules, and accounts that moderate no other site.

    Other sites are not affected. It is safe to interrupt and repeat. Exit code 1 if it was not confirmed.
    """
    found = site_of(key)
    taken = removal.extent(found)
    if as_json and not yes:
        raise click.ClickException("--json cannot ask for confirmation: add --yes.")
    if not yes:
        click.echo(
            f"Site {key} has {taken.threads} threads, {taken.comments} comments, {taken.authors} authors and "
            f"{taken.decisions} decisions."
        )
        if taken.holds:
            click.echo(f"Legal holds that would end, with their evidence: {taken.holds}")
        if taken.moderators:
            click.echo(f"Accounts to be removed, because they moderate no other site: {', '.join(taken.moderators)}")
        click.confirm("Remove everything? This cannot be undone without a backup.", abort=True)
    for _rows in removal.remove(found.id):
        db.session.commit()
    audit.record(Event.SITE_REMOVED, by=Who.OPERATOR, key=key, comments=taken.comments, accounts=len(taken.moderators))
    db.session.commit()
    told = {"key": key, **asdict(taken)}
    click.echo(
        json.dumps(told, ensure_ascii=False) if as_json else f"Removed site {key} and its {taken.comments} comments."
    )


def site_of(key: str) -> Site:
    found = Site.with_key(key)
    if not found:
        known = ", ".join(each.key for each in Site.all()) or "none yet"
        raise click.ClickException(f"No site {key!r}. Sites: {known}.")
    return found


def _change(text: str, origins: list[str]) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if name == "origins+":
        return "origins", list(dict.fromkeys([*origins, *_read("origins", value)]))
    if not equals or name not in FIELDS:
        raise click.ClickException(f"Expected NAME=VALUE, got {text!r}. Names: {', '.join(FIELDS)}.")
    return name, _read(name, value)


def _read(name: str, text: str) -> Any:
    try:
        return FIELDS[name].parse(text.strip())
    except (ValueError, KeyError):
        with speaking(SOURCE):
            off = "" if FIELDS[name].off is None else f", or {FIELDS[name].off} to turn it off"
            sentence = f"Invalid value {name}={text!r}. Expected {FIELDS[name].allowed}{off}."
        raise click.ClickException(sentence) from None


def _settings_of(found: Site) -> dict[str, Any]:
    told = {"key": found.key, **{name: getattr(found, name) for name in FIELDS}, "version": found.version}
    # Terminals are recorded and shared; the last characters identify the key.
    told["akismet_key"] = found.akismet_key and f"…{found.akismet_key[-4:]}"
    pressed = found.pressed_until.isoformat() if found.pressed_until and found.is_pressed else None
    return told | {"burst": found.burst, "pressed_until": pressed}


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(value) if isinstance(value, list) else "" if value is None else str(value)
