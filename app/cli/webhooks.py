"""`flask webhook`: addresses of other programs that are told of a site's events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.sites import site_of
from app.desk import webhooks
from app.errors import Refused
from app.extensions import db
from app.lib.language import SOURCE, speaking
from app.models import Webhook, WebhookEvent, WebhookFormat
from app.models.audit import Who
from app.models.webhook_delivery import WebhookDelivery

webhook = AppGroup("webhook", help="Manage webhooks: other programs that are told of a site's events.")

EVENTS, FORMATS = [each.value for each in WebhookEvent], [each.value for each in WebhookFormat]
LISTED = 20

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@webhook.command("add")
@click.argument("key")
@click.option("--name", required=True, help="Name of the program, shown in the list.")
@click.option("--url", required=True, help="Address that takes the requests: https, or http on this machine.")
@click.option("--event", "events", type=click.Choice(EVENTS), multiple=True, help="Default: all.")
@click.option("--format", type=click.Choice(FORMATS), default="standard", show_default=True)
@as_json
def add(key: str, name: str, url: str, events: tuple[str, ...], format: str, as_json: bool) -> None:
    """Add a webhook to the site KEY and print its secret once."""
    with _refusals():
        made = webhooks.add(
            site_of(key), name=name, address=url, events=events or EVENTS, format=WebhookFormat(format),
            by=Who.OPERATOR,
        )  # fmt: skip
    db.session.commit()
    click.echo(_json(_shown(made) | {"secret": made.secret}) if as_json else made.secret)


@webhook.command("list")
@click.argument("key")
@click.option("--deliveries", is_flag=True, help=f"With the newest {LISTED} deliveries of each.")
@as_json
def list_(key: str, deliveries: bool, as_json: bool) -> None:
    """List the webhooks of the site KEY, without their secrets."""
    found = [_shown(each) for each in Webhook.of_site(site_of(key))]
    for each in found if deliveries else []:
        each["deliveries"] = [_delivery(row) for row in WebhookDelivery.newest_of(each["id"], limit=LISTED)]
    if as_json:
        click.echo(_json(found))
        return
    for each in found:
        state = "failing" if each["failing_since"] else each["state"]
        click.echo("\t".join([str(each["id"]), each["name"], each["url"], each["format"], state]))
        for row in each.get("deliveries", ()):
            said = row["outcome"] or "waiting"
            click.echo("\t".join(["", str(row["id"]), row["event"], said, str(row["status"] or row["error"])]))


@webhook.command("send-again")
@click.argument("key")
@click.argument("delivery", type=int)
@as_json
def send_again(key: str, delivery: int, as_json: bool) -> None:
    """Send the delivery with the number DELIVERY of the site KEY once more."""
    row = WebhookDelivery.on_site(site_of(key), delivery)
    if not row:
        raise click.ClickException(f"No delivery {delivery} on {key}. List: flask webhook list {key} --deliveries")
    with _refusals():
        webhooks.send_again(row)
    db.session.commit()
    click.echo(_json(_delivery(row)) if as_json else f"Delivery {delivery} is sent again by the next worker.")


@contextmanager
def _refusals() -> Iterator[None]:
    """Refusals in English, as errors of the command."""
    try:
        with speaking(SOURCE):
            yield
    except Refused as no:
        raise click.ClickException(no.sentence) from no


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _shown(each: Webhook) -> dict[str, Any]:
    return {
        "id": each.id,
        "name": each.name,
        "url": each.shown_address,
        "format": each.format,
        "events": each.events,
        "state": each.state,
        "failing_since": each.failing_since.isoformat() if each.failing_since else None,
        "made_at": each.made_at.isoformat(),
    }


def _delivery(row: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "event": row.event,
        "message_id": row.message_id,
        "outcome": row.outcome,
        "attempts": row.attempts,
        "status": row.status,
        "answer": row.answer,
        "error": row.error,
        "made_at": row.made_at.isoformat(),
        "done_at": row.done_at.isoformat() if row.done_at else None,
    }
