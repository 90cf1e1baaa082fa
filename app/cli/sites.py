"""`flask site`: the sites that are served, and what each asks of comments."""

import json
import sys
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.tag import LANGUAGE
from app.comments import removal
from app.extensions import db
from app.forms.site import FIELDS
from app.lib.clock import now
from app.lib.language import DEFAULT, SOURCE, speaking
from app.models import Site
from app.models.site import KEY
from app.operations import metrics
from app.screening import thresholds

site = AppGroup("site", help="The sites that are served.")


@site.command("add")
@click.argument("key")
@click.option("--name", required=True, help="What readers and moderators know it by.")
@click.option(
    "--origin",
    "origins",
    multiple=True,
    required=True,
    help="Where it is, as https://www.example.org. Repeatable.",
)
@click.option("--lang", type=LANGUAGE, default=DEFAULT, show_default=True, help="Its language.")
@click.option(
    "--timezone",
    help="On whose clock it writes times, as Europe/London. Asked for unless --lang is ja, which implies Asia/Tokyo.",
)
def add(key: str, name: str, origins: tuple[str, ...], lang: str, timezone: str | None) -> None:
    """Serve a new site. KEY is what its pages say in data-site."""
    if not KEY.fullmatch(key):
        raise click.ClickException(f"KEY {key!r} must be of a-z, 0-9 and -, at most 64, no - at its ends.")
    if Site.with_key(key):
        raise click.ClickException(f"There is a site {key!r} already; to change it: flask site set {key} NAME=VALUE")
    new = Site(key=key, lang=lang, name=_read("name", name), origins=_read("origins", ",".join(origins)))
    new.timezone, new.timezone_chosen = _clock(lang, timezone)
    db.session.add(new)
    db.session.commit()
    click.echo(f"Site {key} is served on {', '.join(new.origins)}.")
    click.echo(f"Next: flask moderator add EMAIL --name NAME --site {key} --role owner --password-stdin")


def _clock(lang: str, timezone: str | None) -> tuple[str, bool]:
    """The site's time zone, and whether that is certain. A program that cannot be asked gets UTC."""
    if timezone is None and lang == "ja":
        return "Asia/Tokyo", True
    if timezone is None and sys.stdin.isatty():
        timezone = click.prompt("Time zone of the site, such as Europe/London", default="UTC", err=True)
    if timezone is None:
        click.echo("No --timezone: the site writes times in UTC; to change it: flask site set KEY timezone=", err=True)
        return "UTC", False
    return _read("timezone", timezone), True


@site.command("list")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
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
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
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
    """Change settings of the site KEY: all of them, or none when one is wrong.

    origins+=URL adds an origin to those that the site has.
    """
    found = site_of(key)
    settings: dict[str, Any] = {}
    for text in changes:
        name, value = _change(text, settings.get("origins", found.origins))
        settings[name] = value
    found.change(settings)
    db.session.commit()
    click.echo(f"Site {key}: {', '.join(changes)}")


@site.command("screening")
@click.argument("key")
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As a JSON object.")
def screening(key: str, days: int, as_json: bool) -> None:
    """Compare what the learnt score would have done on the site KEY with what its moderators decided."""
    seen = thresholds.backtest(site_of(key), now() - timedelta(days=days))
    ids = {"false_alarms": [each.id for each in seen.false_alarms], "missed": [each.id for each in seen.missed]}
    if as_json:
        told = {band: {said or "undecided": count for said, count in row.items()} for band, row in seen.counts.items()}
        click.echo(json.dumps({"days": days, "bands": told, **ids}))
        return
    for band, row in seen.counts.items():
        click.echo(f"{band:5} {row['fine']} approved, {row['spam']} spam, {row['']} undecided")
    for name, found in ids.items():
        click.echo(f"{name}: {' '.join(map(str, found)) or 'none'}")


@site.command("remove")
@click.argument("key")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="As a JSON object; needs --yes.")
def remove(key: str, yes: bool, as_json: bool) -> None:
    """Remove the site KEY with its threads, comments, decisions and rules, and those who moderate no other site.

    Other sites keep working. The command may be stopped and started again. Ends with 1 when it was
    not confirmed.
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
        if taken.moderators:
            click.echo(f"These moderate no other site and lose their account: {', '.join(taken.moderators)}")
        click.confirm("Remove all of it? Only a backup brings it back.", abort=True)
    for _rows in removal.remove(found.id):
        db.session.commit()
    told = {"key": key, **asdict(taken)}
    click.echo(
        json.dumps(told, ensure_ascii=False)
        if as_json
        else f"Site {key} and its {taken.comments} comments are removed."
    )


def site_of(key: str) -> Site:
    found = Site.with_key(key)
    if not found:
        known = ", ".join(each.key for each in Site.all()) or "none yet"
        raise click.ClickException(f"There is no site {key!r}. Sites: {known}.")
    return found


def _change(text: str, origins: list[str]) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if name == "origins+":
        return "origins", list(dict.fromkeys([*origins, *_read("origins", value)]))
    if not equals or name not in FIELDS:
        raise click.ClickException(f"{text!r} is not NAME=VALUE with one of these names: {', '.join(FIELDS)}.")
    return name, _read(name, value)


def _read(name: str, text: str) -> Any:
    try:
        return FIELDS[name].parse(text.strip())
    except (ValueError, KeyError):
        with speaking(SOURCE):
            off = "" if FIELDS[name].off is None else f", or {FIELDS[name].off} to turn it off"
            sentence = f"{name}={text!r} does not work: it must be {FIELDS[name].allowed}{off}."
        raise click.ClickException(sentence) from None


def _settings_of(found: Site) -> dict[str, Any]:
    told = {"key": found.key, **{name: getattr(found, name) for name in FIELDS}, "version": found.version}
    # Terminals are recorded and shared; its end is enough to tell which one it is.
    told["akismet_key"] = found.akismet_key and f"…{found.akismet_key[-4:]}"
    pressed = found.pressed_until.isoformat() if found.pressed_until and found.is_pressed else None
    return told | {"burst": found.burst, "pressed_until": pressed}


def _typed(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(value) if isinstance(value, list) else "" if value is None else str(value)
