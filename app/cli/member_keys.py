"""`flask member-key`: keys that sign who a publisher's members are."""

import json
from typing import Any, TextIO

import click
from flask.cli import AppGroup

from app.cli.sites import site_of
from app.desk import member_keys
from app.errors import Refused
from app.extensions import db
from app.lib.assertion import LONGEST_KEY
from app.lib.language import SOURCE, speaking
from app.models import MemberKey
from app.models.audit import Who

member_key = AppGroup("member-key", help="Manage keys that sign who a publisher's members are.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@member_key.command("add")
@click.argument("key")
@click.option("--kid", default="", help="Key ID; by default one is chosen.")
@click.option("--public-key", "file", type=click.File(), help="Ed25519 public key (PEM or JWK); - reads it from stdin.")
@as_json
def add(key: str, kid: str, file: TextIO | None, as_json: bool) -> None:
    """Add a key to the site KEY: a new secret, printed once, or a public key."""
    site, secret = site_of(key), ""
    try:
        with speaking(SOURCE):
            if file:
                added = member_keys.add_public(site, file.read(LONGEST_KEY + 1), kid=kid, by=Who.OPERATOR)
            else:
                added, secret = member_keys.make_secret(site, kid=kid, by=Who.OPERATOR)
    except Refused as no:
        raise click.ClickException(no.sentence) from no
    db.session.commit()
    shown = _shown(added) | ({"secret": secret} if secret else {})
    click.echo(json.dumps(shown) if as_json else "\t".join(filter(None, (added.kid, secret))))


@member_key.command("list")
@click.argument("key")
@as_json
def list_(key: str, as_json: bool) -> None:
    """List the keys of the site KEY, without their secrets."""
    found = [_shown(each) for each in MemberKey.of_site(site_of(key))]
    if as_json:
        click.echo(json.dumps(found))
        return
    for each in found:
        click.echo("\t".join([each["kid"], each["algorithm"], each["made_at"], each["used_at"] or "never used"]))


@member_key.command("revoke")
@click.argument("key")
@click.argument("kid")
def revoke(key: str, kid: str) -> None:
    """Revoke the key KID of the site KEY, at once."""
    found = MemberKey.with_kid(site_of(key), kid)
    if not found:
        raise click.ClickException(f"No key {kid!r} on {key}. List all with: flask member-key list {key}")
    member_keys.revoke(found, by=Who.OPERATOR)
    db.session.commit()
    click.echo(f"Key {kid} is revoked.")


def _shown(each: MemberKey) -> dict[str, Any]:
    used = each.used_at.isoformat() if each.used_at else None
    return {"kid": each.kid, "algorithm": each.algorithm, "made_at": each.made_at.isoformat(), "used_at": used}
