"""`flask lists`: the signed list of a site's rules, and the lists of others."""

import json
from collections.abc import Callable
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli.sites import site_of
from app.desk import shared_lists
from app.desk.list_words import trouble_in_words
from app.errors import Refused
from app.extensions import db
from app.lib.language import SOURCE, speaking
from app.lib.signed_list import fingerprint
from app.models import Effect, ListLine, ListSubscription, PublishedList, audit
from app.models.audit import Event, Who
from app.moderation import listed
from app.screening import list_publishing

lists = AppGroup("lists", help="Share a site's rules about words and domains with other sites.")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@lists.command("publish")
@click.argument("key")
@click.option("--words", is_flag=True, help="With the rules about words.")
@click.option("--domains", is_flag=True, help="With the rules about domains of links.")
@click.option("--off", is_flag=True, help="Publish no list any more.")
@click.option("--new-key", is_flag=True, help="Replace the key; the old one confirms the new one.")
@as_json
def publish(key: str, words: bool, domains: bool, off: bool, new_key: bool, as_json: bool) -> None:
    """Publish rules of the site KEY as a signed list, and print its address and key.

    Without options, the file is made again with the rules of today.
    """
    site = site_of(key)
    found = PublishedList.of_site(site)
    if not (words or domains) and found:
        words, domains = found.words, found.domains
    made = _do(
        lambda: list_publishing.change(site, is_on=not off, words=words, domains=domains, by=Who.OPERATOR)
    )  # fmt: skip
    if new_key:
        list_publishing.change_key(made, by=Who.OPERATOR)
    db.session.commit()
    told = _published(made)
    click.echo(json.dumps(told) if as_json else "\n".join(f"{name}\t{value}" for name, value in told.items()))


@lists.command("subscribe")
@click.argument("key")
@click.argument("url")
@click.option("--public-key", required=True, help="Public key of the publisher, from their page.")
@click.option("--effect", type=click.Choice(["hold", "spam"]), default="hold", show_default=True)
@as_json
def subscribe(key: str, url: str, public_key: str, effect: str, as_json: bool) -> None:
    """Let the site KEY use the list at URL."""
    made = _do(
        lambda: shared_lists.subscribe(site_of(key), url, public_key, Effect(effect), by=Who.OPERATOR)
    )  # fmt: skip
    db.session.commit()
    _tell(made, as_json)


@lists.command("list")
@click.argument("key")
@as_json
def list_(key: str, as_json: bool) -> None:
    """List the subscriptions of the site KEY."""
    found = [_shown(each) for each in ListSubscription.of_site(site_of(key))]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for each in found:
        click.echo(_line(each))


@lists.command("refresh")
@click.argument("key")
@click.argument("id", type=int, required=False)
@as_json
def refresh(key: str, id: int | None, as_json: bool) -> None:
    """Fetch the subscription ID of the site KEY now, or all of them. Exit code 1 if one cannot be used."""
    ids = [_subscription(key, id).id] if id else [each.id for each in ListSubscription.active_on(site_of(key))]
    for one in ids:
        shared_lists.refresh(one)
        db.session.commit()
    found = [db.session.get_one(ListSubscription, one) for one in ids]
    if as_json:
        click.echo(json.dumps([_shown(each) for each in found], ensure_ascii=False))
    for each in [] if as_json else found:
        click.echo(_line(_shown(each)))
    if any(each.trouble for each in found):
        raise click.exceptions.Exit(1)


@lists.command("undo")
@click.argument("key")
@click.argument("id", type=int)
@click.option("--judge-again", is_flag=True, help="Also decide again on the comments that it held.")
def undo(key: str, id: int, judge_again: bool) -> None:
    """End the subscription ID of the site KEY, with all its lines."""
    found = _subscription(key, id)
    shared_lists.undo(found, by=Who.OPERATOR)
    db.session.commit()
    count = _judge_again(found) if judge_again else 0
    left = len(listed.held_by(found))
    click.echo(f"Subscription {id} ({found.name}) is undone. {count} comments judged again, {left} still held.")


def _judge_again(found: ListSubscription) -> int:
    count = 0
    while step := sum(1 for _id in listed.give_back(found)):
        count += step
        db.session.commit()
    audit.record(
        Event.LIST_COMMENTS_RETURNED, by=Who.OPERATOR, site=found.site, name=found.name, comments=count
    )  # fmt: skip
    db.session.commit()
    return count


def _do(act: Callable[[], Any]) -> Any:
    try:
        with speaking(SOURCE):
            return act()
    except Refused as no:
        db.session.rollback()
        raise click.ClickException(no.sentence) from no


def _subscription(key: str, id: int) -> ListSubscription:
    found = ListSubscription.on_site(site_of(key), id)
    if not found:
        raise click.ClickException(f"No subscription {id} on {key}. List all with: flask lists list {key}")
    return found


def _published(found: PublishedList) -> dict[str, Any]:
    public = list_publishing.public_key(found)
    return {
        "url": f"{current_app.config['PUBLIC_URL']}/lists/{found.site.key}.json" if found.is_on else None,
        "public_key": public or None,
        "fingerprint": fingerprint(public) if public else None,
        "words": found.words,
        "domains": found.domains,
        "lines": found.lines,
        "sequence": found.sequence,
    }


def _tell(found: ListSubscription, as_json: bool) -> None:
    told = _shown(found)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else _line(told))


def _shown(found: ListSubscription) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "url": found.url,
        "fingerprint": fingerprint(found.key),
        "effect": found.effect,
        "lines": ListLine.counts([found.id])[found.id],
        "left_out": found.refused,
        "expires_at": found.expires_at.isoformat() if found.expires_at else None,
        "trouble": found.trouble,
        "undone": found.undone_at is not None,
    }


def _line(told: dict[str, Any]) -> str:
    lines = ", ".join(f"{count} {state}" for state, count in told["lines"].items() if count)
    with speaking(SOURCE):
        state = "undone" if told["undone"] else trouble_in_words(told["trouble"]) if told["trouble"] else "ok"
    return "\t".join([str(told["id"]), told["name"], told["effect"], lines or "no lines", state])
