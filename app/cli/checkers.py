"""`flask checker`: other programs that a site asks about its comments."""

import json
from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.sites import site_of
from app.desk import checkers
from app.errors import Refused
from app.extensions import db
from app.forms.checker import tags_in
from app.lib.language import SOURCE, speaking
from app.models import Checker, Mode
from app.models.audit import Who
from app.moderation.checker_figures import Quality, Share, figures_of

checker = AppGroup("checker", help="Manage the programs that a site asks about its comments.")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
NAMES: dict[str, Callable[[str], Any]] = {
    "name": str,
    "url": str,
    "timeout_s": int,
    "threshold": int,
    "least_precision": int,
    "langs": tags_in,
}


@checker.command("add")
@click.argument("key")
@click.option("--name", required=True, help="Name, shown to moderators.")
@click.option("--url", required=True, help="Address that takes the questions: https, or http to this machine.")
@click.option("--timeout", "timeout_s", type=int, default=5, show_default=True, help="Seconds.")
@click.option("--threshold", type=int, default=80, show_default=True, help="Confidence in percent that holds.")
@click.option("--lang", "langs", multiple=True, help="Only comments in this language. May be repeated.")
@as_json
def add(key: str, as_json: bool, langs: tuple[str, ...], **settings: Any) -> None:
    """Add a checker to the site KEY, in shadow mode, and print the secret of its questions once."""
    found = site_of(key)
    made, secret = _do(lambda: checkers.add(found, by=Who.OPERATOR, langs=list(langs), **settings))
    db.session.commit()
    click.echo(json.dumps(_shown(made) | {"secret": secret}, ensure_ascii=False) if as_json else secret)


@checker.command("list")
@click.argument("key")
@as_json
def list_(key: str, as_json: bool) -> None:
    """List the checkers of the site KEY, with how good they are."""
    found = Checker.of_site(site_of(key))
    if as_json:
        click.echo(json.dumps([_shown(each) | {"figures": _figures(each)} for each in found], ensure_ascii=False))
        return
    for each in found:
        click.echo(
            "\t".join([str(each.id), each.name, each.mode, each.shown_url, f"{figures_of(each).decided} decided"])
        )


@checker.command("set")
@click.argument("key")
@click.argument("id", type=int)
@click.argument("changes", metavar="NAME=VALUE...", nargs=-1, required=True)
@as_json
def set_(key: str, id: int, changes: tuple[str, ...], as_json: bool) -> None:
    """Change the checker ID of the site KEY. If one value is invalid, nothing changes.

    The names are name, url, timeout_s, threshold, least_precision, langs (ja,en) and mode (shadow, hold, off). It may
    hold only after enough decisions.
    """
    found, settings = _checker(key, id), dict(map(_read, changes))
    mode = settings.pop("mode", None)
    _do(lambda: checkers.change(found, by=Who.OPERATOR, **settings))
    if mode:
        _do(lambda: checkers.set_mode(found, mode, by=Who.OPERATOR))
    db.session.commit()
    told = _shown(found)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else f"Checker {id}: {', '.join(changes)}")


@checker.command("remove")
@click.argument("key")
@click.argument("id", type=int)
def remove(key: str, id: int) -> None:
    """Remove the checker ID of the site KEY, with its answers."""
    found = _checker(key, id)
    name = found.name
    checkers.remove(found, by=Who.OPERATOR)
    db.session.commit()
    click.echo(f"Checker {id} ({name}) is removed.")


def _do(act: Callable[[], Any]) -> Any:
    try:
        with speaking(SOURCE):
            return act()
    except Refused as no:
        db.session.rollback()
        raise click.ClickException(f"{f'{no.field}: ' if no.field else ''}{no.sentence}") from no


def _checker(key: str, id: int) -> Checker:
    found = Checker.on_site(site_of(key), id)
    if not found:
        raise click.ClickException(f"No checker {id} on {key}. List all with: flask checker list {key}")
    return found


def _read(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or name not in {*NAMES, "mode"}:
        raise click.ClickException(f"Expected NAME=VALUE, got {text!r}. Names: {', '.join([*NAMES, 'mode'])}.")
    try:
        return name, Mode(value) if name == "mode" else NAMES[name](value)
    except ValueError:
        raise click.ClickException(f"Invalid value {text!r}.") from None


def _shown(each: Checker) -> dict[str, Any]:
    """Without the secret."""
    named = ("id", "name", "url", "mode", "timeout_s", "threshold", "least_precision", "langs", "returned")
    return {name: getattr(each, name) for name in named}


def _figures(each: Checker) -> dict[str, Any]:
    found = figures_of(each)
    verdicts = {said: _quality(quality) for said, quality in found.verdicts.items()}
    return {"decided": found.decided, "may_hold": found.may_hold(each), "held": _quality(found.held), **verdicts}


def _quality(quality: Quality) -> dict[str, Any]:
    return {"precision": _share(quality.precision), "recall": _share(quality.recall)}


def _share(share: Share) -> dict[str, Any]:
    return {"hits": share.hits, "of": share.of, "low": round(share.low, 4), "high": round(share.high, 4)}
