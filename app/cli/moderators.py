"""`flask moderator`: accounts and their roles on sites."""

import json
import sys
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.cli.sites import site_of
from app.cli.tag import LANGUAGE
from app.desk import factors, single_sign_on
from app.desk.accounts import set_email, set_password, words_about, words_of
from app.errors import Refused
from app.extensions import db
from app.lib import mailbox
from app.lib.guessable import MIN_LENGTH
from app.lib.language import SOURCE, speaking
from app.lib.names import is_invisible
from app.lib.passwords import BadPassword, new_hash
from app.lib.text import clean_line
from app.models import Identity, Login, Membership, Moderator, Role, Site, audit
from app.models.audit import Event, Who
from app.screening.impersonation import mixes_alphabets

moderator = AppGroup("moderator", help="Manage moderator accounts and their roles.")

from_stdin = click.option(
    "--password-stdin",
    is_flag=True,
    help=f"Read the password ({MIN_LENGTH} characters or more) from standard input.",
)


@moderator.command("add")
@click.argument("email")
@click.option("--name", help="Name shown to other moderators.")
@click.option("--site", "key", required=True, metavar="KEY", help="Site to moderate.")
@click.option("--role", type=click.Choice([role.value for role in Role]), default="moderator", show_default=True)
@click.option("--lang", type=LANGUAGE, help="Interface language. Default: the language of the site.")
@from_stdin
def add(email: str, name: str | None, key: str, role: str, lang: str | None, password_stdin: bool) -> None:
    """Give EMAIL a role on a site. An existing account keeps its name and password."""
    site = site_of(key)
    account = Moderator.with_email(email)
    if account and account.role_on(site.id):
        raise click.ClickException(f"{email} is already {account.role_on(site.id)} of {key}.")
    existed = account is not None
    account = account or _new(email, name, lang, site, password_stdin)
    account.memberships.append(Membership(site=site, role=Role(role)))
    if not existed:
        audit.record(Event.ACCOUNT_MADE, by=Who.OPERATOR, account=account, name=account.name)
    audit.record(Event.ROLE_GIVEN, by=Who.OPERATOR, site=site, account=account, role=role)
    db.session.commit()
    click.echo(f"{email} is now {role} of {key}{', with the existing name and password' if existed else ''}.")


@moderator.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List all moderators and their sites."""
    found = [_shown(each) for each in Moderator.all()]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for each in found:
        sites = " ".join(f"{key}:{role}" for key, role in each["sites"].items())
        click.echo(f"{each['email']}\t{each['name']}\t{sites or '(no site)'}")


@moderator.command("password")
@click.argument("email")
@from_stdin
def password(email: str, password_stdin: bool) -> None:
    """Set a new password for EMAIL and log the account out everywhere."""
    account = _moderator(email)
    set_password(account, _hashed(password_stdin, words_of(account)))
    db.session.commit()
    click.echo(f"Password changed. {email} is logged out everywhere.")


@moderator.command("email")
@click.argument("email")
@click.argument("new")
def change_email(email: str, new: str) -> None:
    """Replace the address EMAIL of an account by NEW, for a moderator who has lost the mailbox. EMAIL is told."""
    account, address = _moderator(email), _checked(new)
    try:
        with speaking(SOURCE):
            set_email(account, address)
    except Refused as no:
        raise click.ClickException(no.sentence) from no
    db.session.commit()
    click.echo(f"{email} is now {address}.")


@moderator.command("operator")
@click.argument("email")
@click.option("--off", is_flag=True, help="Take it back.")
def operator(email: str, off: bool) -> None:
    """Make EMAIL an owner of the installation, who adds sites and sees the system page and the whole audit log."""
    account = _moderator(email)
    if account.is_operator == off:
        account.is_operator = not off
        audit.record(Event.OPERATOR_CHANGED, by=Who.OPERATOR, account=account, on=not off)
    db.session.commit()
    click.echo(f"{email} is {'no longer' if off else 'now'} an owner of the installation.")


@moderator.command("reset-factor")
@click.argument("email")
def reset_factor(email: str) -> None:
    """Remove all second factors of EMAIL and log the account out everywhere. Its moderator is told by email."""
    account = _moderator(email)
    had_one = factors.reset(account)
    db.session.commit()
    if had_one:
        click.echo(f"Second factors removed. {email} is logged out everywhere, and logs in with the password alone.")
    else:
        click.echo(f"{email} has no second factor. The account is logged out everywhere.")


@moderator.command("unlink")
@click.argument("email")
def unlink(email: str) -> None:
    """Unlink EMAIL from the identity provider and log the account out everywhere.

    Its roles by groups end. With a password (`flask moderator password`) it logs in without the identity provider.
    """
    account = _moderator(email)
    linked = single_sign_on.unlink(account, by=Who.OPERATOR)
    db.session.commit()
    click.echo(f"{email} is unlinked and logged out everywhere." if linked else f"{email} is not linked.")


@moderator.command("remove")
@click.argument("email")
@click.option("--site", "key", metavar="KEY", help="Remove the role on this site only.")
def remove(email: str, key: str | None) -> None:
    """Remove the account EMAIL, or its role on one site. Decisions stay in the log."""
    account = _moderator(email)
    if key:
        _leave(account, site_of(key))
    else:
        Login.end_all(account)
        audit.record(Event.ACCOUNT_REMOVED, by=Who.OPERATOR, account=account, name=account.name)
        db.session.delete(account)
    db.session.commit()
    click.echo(f"{email} no longer moderates {key}." if key else f"Account {email} removed.")


def _new(email: str, name: str | None, lang: str | None, site: Site, from_stdin: bool) -> Moderator:
    if not name or not clean_line(name):
        raise click.ClickException("A new account needs --name.")
    if is_invisible(clean_line(name)) or mixes_alphabets(clean_line(name)):
        raise click.ClickException("--name must have visible characters, and each word must use one alphabet.")
    address = _checked(email)
    account = Moderator(
        name=clean_line(name)[:80],
        email=address,
        email_index=Moderator.index_of(address),
        password_hash=_hashed(from_stdin, words_about(name, address, [site])),
        lang=lang or "",
    )
    db.session.add(account)
    return account


def _checked(email: str) -> str:
    try:
        # Operators may use host names of their own network.
        return mailbox.check(email, private_names=True)
    except ValueError as trouble:
        raise click.ClickException(f"Invalid email address {email!r}: {trouble}") from trouble


def _hashed(from_stdin: bool, own_words: list[str]) -> str:
    typed = _typed_in() if from_stdin else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        with speaking(SOURCE):
            return new_hash(typed, own_words)
    except BadPassword as trouble:
        raise click.ClickException(str(trouble)) from trouble


def _typed_in() -> str:
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError as trouble:
        raise click.ClickException("The password must be text in UTF-8.") from trouble


def _moderator(email: str) -> Moderator:
    found = Moderator.with_email(email)
    if not found:
        raise click.ClickException(f"No moderator {email!r}. List all with: flask moderator list")
    return found


def _leave(account: Moderator, site: Site) -> None:
    membership = next((each for each in account.memberships if each.site_id == site.id), None)
    if not membership:
        raise click.ClickException(f"{account.email} does not moderate {site.key}.")
    account.memberships.remove(membership)
    audit.record(Event.MEMBER_REMOVED, by=Who.OPERATOR, site=site, account=account, role=membership.role)


def _shown(account: Moderator) -> dict[str, Any]:
    roles = select(Site.key, Membership.role).join(Membership, Membership.site_id == Site.id)
    sites = dict(db.session.execute(roles.where(Membership.moderator_id == account.id)).all())
    told = {"email": account.email, "name": account.name, "lang": account.lang}
    how = {"linked": Identity.of(account) is not None, "operator": account.is_operator}
    return {**told, **how, "sites": dict(sorted(sites.items()))}
