"""`flask token`: access tokens of programs."""

import json
import re
from datetime import datetime, timedelta
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.sites import site_of
from app.desk import tokens
from app.errors import Refused
from app.extensions import db
from app.forms.members import NAME_LENGTH
from app.forms.token import MOST_DAYS
from app.lib.clock import now
from app.lib.language import SOURCE, speaking
from app.lib.names import is_invisible
from app.lib.text import clean_line
from app.models import ApiToken, Role, Scope
from app.models.audit import Who
from app.screening.impersonation import mixes_alphabets

token = AppGroup("token", help="Manage access tokens of programs.")

NEVER = "never"
ROLES, SCOPES = [each.value for each in tokens.ROLES], [each.value for each in Scope]


class Lasting(click.ParamType[datetime | None]):
    """Days such as 90d, or `never`."""

    name = "DAYS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime | None:
        if value == NEVER:
            return None
        found = re.fullmatch(r"([1-9]\d{0,3})d", value, re.ASCII)
        if not found or int(found[1]) > MOST_DAYS:
            self.fail(f"{value!r} is not 1d to {MOST_DAYS}d, nor {NEVER}.", param, ctx)
        return now() + timedelta(days=int(found[1]))


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@token.command("add")
@click.argument("key")
@click.option("--name", required=True, help="Name of the program, shown in the log.")
@click.option("--role", type=click.Choice(ROLES), default="moderator", show_default=True)
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, help="Default: all of the role.")
@click.option("--expires", type=Lasting(), default="90d", show_default=True, help="Such as 90d, or never.")
@as_json
def add(key: str, name: str, role: str, scopes: tuple[str, ...], expires: datetime | None, as_json: bool) -> None:
    """Make a token for the site KEY and print it once."""
    shown = clean_line(name)[:NAME_LENGTH]
    if not shown or is_invisible(shown) or mixes_alphabets(shown):
        raise click.ClickException("--name must have visible characters, and each word must use one alphabet.")
    try:
        with speaking(SOURCE):
            made, secret = tokens.make(
                site_of(key), name=shown, role=Role(role), scopes=[Scope(each) for each in scopes],
                expires_at=expires, by=Who.OPERATOR,
            )  # fmt: skip
    except Refused as no:
        raise click.ClickException(no.sentence) from no
    db.session.commit()
    click.echo(json.dumps(_shown(made) | {"token": secret}, ensure_ascii=False) if as_json else secret)


@token.command("list")
@click.argument("key")
@as_json
def list_(key: str, as_json: bool) -> None:
    """List the tokens of the site KEY, without their secrets."""
    found = [_shown(each) for each in ApiToken.of_site(site_of(key))]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for each in found:
        used, expires = each["used_at"] or "never used", each["expires_at"] or "never expires"
        click.echo("\t".join([str(each["id"]), each["name"], each["role"], " ".join(each["scopes"]), expires, used]))


@token.command("revoke")
@click.argument("key")
@click.argument("id", type=int)
def revoke(key: str, id: int) -> None:
    """Revoke the token with the number ID of the site KEY, at once."""
    found = ApiToken.on_site(site_of(key), id)
    if not found:
        raise click.ClickException(f"No token {id} on {key}. List all with: flask token list {key}")
    tokens.revoke(found, by=Who.OPERATOR)
    db.session.commit()
    click.echo(f"Token {id} ({found.name}) is revoked.")


def _shown(each: ApiToken) -> dict[str, Any]:
    moments = {name: getattr(each, name) for name in ("made_at", "expires_at", "used_at")}
    written = {name: at.isoformat() if at else None for name, at in moments.items()}
    return {"id": each.id, "name": each.name, "role": str(each.role), "scopes": each.scopes} | written
