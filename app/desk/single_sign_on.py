"""Log in with an identity provider: whose account it is, and the roles of its groups."""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app.desk import accounts
from app.errors import Refused
from app.extensions import db
from app.lib import mailbox
from app.lib.id_token import LEEWAY_S
from app.lib.identity_provider import Client, Provider, provider_of
from app.lib.names import is_invisible
from app.lib.text import clean_line
from app.models import Identity, Login, Membership, Moderator, Passkey, Role, Site, audit
from app.models.audit import Event, Who
from app.models.moderator import NO_PASSWORD
from app.notify.account_email import News
from app.screening.impersonation import mixes_alphabets

log = logging.getLogger(__name__)

LONGEST_NAME = 80  # characters
MOST_GROUPS = 5_000


class Person(NamedTuple):
    """Who logged in at the provider. `email` is '' unless it is verified; `roles` are by the site's key."""

    issuer: str
    subject: str
    email: str
    name: str
    roles: dict[str, str]
    has_factor: bool


def is_on() -> bool:
    return bool(current_app.config["OIDC_ISSUER"])


def provider_name() -> str:
    """'' without a provider."""
    config = current_app.config
    return (is_on() and config["OIDC_NAME"]) or urlsplit(config["OIDC_ISSUER"]).hostname or ""


def provider() -> Provider:
    config = current_app.config
    return provider_of(
        Client(
            issuer=config["OIDC_ISSUER"], id=config["OIDC_CLIENT_ID"], secret=config["OIDC_CLIENT_SECRET"],
            scopes=config["OIDC_SCOPES"], private=config["OIDC_PRIVATE_NETWORK"],
        )
    )  # fmt: skip


def wanted_claims() -> list[str]:
    config = current_app.config
    return ["email", *([config["OIDC_GROUPS_CLAIM"]] if config["OIDC_GROUPS"] else [])]


def read(claims: dict[str, Any]) -> Person:
    """The person of verified claims. Raises Refused (403) if their groups are not all told."""
    return Person(
        issuer=claims["iss"], subject=claims["sub"], email=_email(claims), name=_name(claims), roles=_roles(claims),
        has_factor=not set(current_app.config["OIDC_FACTOR"]).isdisjoint(_texts(claims, "amr") | _texts(claims, "acr")),
    )  # fmt: skip


def proved_since(claims: dict[str, Any], moment: datetime) -> bool:
    """True if the provider says that the person proved who they are after this moment, and did not only return."""
    proved = claims.get("auth_time")
    if not isinstance(proved, int | float) or isinstance(proved, bool):
        return False
    return proved >= moment.timestamp() - LEEWAY_S


# Accounts


def account_of(person: Person) -> tuple[Moderator, bool]:
    """The person's account, and whether it has to be linked first. Raises Refused (403).

    Only a verified address leads to an existing account, and only to one without another identity: the address may have
    belonged to a colleague who has left.
    """
    if identity := Identity.known(person.issuer, person.subject):
        return identity.moderator, False
    if not person.email:
        raise Refused("unverified", _unverified(), status=403)
    moderator = Moderator.with_email(person.email)
    if moderator is None:
        return _new(person), False
    if _is_linked(moderator, person.issuer):
        raise Refused("other_identity", _linked_elsewhere(), status=403)
    return moderator, True


def settle(moderator: Moderator, person: Person) -> None:
    """Link the account, if it is not linked yet, and give it the roles of the groups. Raises Refused (409)."""
    identity = Identity.known(person.issuer, person.subject)
    if identity is None or identity.moderator_id != moderator.id:
        link(moderator, person)
    _follow(moderator, person.roles)


def link(moderator: Moderator, person: Person) -> None:
    """Raises Refused (409) if the account or the identity is linked already."""
    if Identity.known(person.issuer, person.subject):
        raise Refused("taken", _("This identity is linked to another account."), status=409)
    if _is_linked(moderator, person.issuer):
        raise Refused("taken", _linked_elsewhere(), status=409)
    # A link to the provider of an earlier setting.
    Identity.remove(moderator)
    db.session.add(Identity(moderator=moderator, issuer=person.issuer, subject=person.subject))
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Refused("taken", _linked_elsewhere(), status=409) from None
    accounts.tell(moderator, News.LINKED)
    audit.record(Event.IDENTITY_LINKED, by=moderator, account=moderator)


def unlink(moderator: Moderator, *, by: Moderator | Who, keep: Login | None = None) -> bool:
    """Remove the link, the roles of groups, and the log-ins; False if there is no link."""
    if not Identity.remove(moderator):
        return False
    Login.end_all(moderator, but=keep)
    _follow(moderator, {})
    accounts.tell(moderator, News.UNLINKED)
    audit.record(Event.IDENTITY_UNLINKED, by=by, account=moderator)
    return True


def unlink_own(moderator: Moderator, *, keep: Login) -> bool:
    """Raises Refused (409) if nothing else would log this moderator in."""
    if Identity.is_fixed(moderator):
        sentence = _(
            "Accounts log in with %(provider)s here. Only the operator unlinks them.", provider=provider_name()
        )
        raise Refused("only_way", sentence, status=409)
    if not moderator.has_password and not Passkey.of(moderator):
        raise Refused("no_other_way", _("Set a password or add a passkey first."), status=409)
    return unlink(moderator, by=moderator, keep=keep)


def _is_linked(moderator: Moderator, issuer: str) -> bool:
    identity = Identity.of(moderator)
    return identity is not None and identity.issuer == issuer


def _new(person: Person) -> Moderator:
    """An account for someone whose group has a role here."""
    if not any(Site.with_key(key) for key in person.roles):
        sentence = _(
            "You have no role here yet. Ask an owner of your site for an invitation, or an administrator of "
            "%(provider)s for a group.",
            provider=provider_name(),
        )
        raise Refused("no_role", sentence, status=403)
    index = Moderator.index_of(person.email)
    moderator = Moderator(name=person.name, email=person.email, email_index=index, password_hash=NO_PASSWORD)
    db.session.add(moderator)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Refused("again", _("Someone did this at the same time. Try again."), status=409) from None
    audit.record(Event.ACCOUNT_MADE, by=moderator, account=moderator, name=person.name, because="group")
    return moderator


# Roles


def _follow(moderator: Moderator, roles: dict[str, str]) -> None:
    """Give, change and take back the roles of groups. Roles that were given by hand stay as they are."""
    db.session.flush()
    by_group = select(Membership).where(Membership.moderator_id == moderator.id, Membership.by_group)
    for membership in db.session.scalars(by_group).all():
        if membership.site.key not in roles:
            site, role = membership.site, membership.role
            db.session.delete(membership)
            db.session.flush()
            db.session.expire(moderator, ["memberships"])
            _record(Event.MEMBER_REMOVED, moderator, site, role=role)
    for key, role in roles.items():
        if named := Site.with_key(key):
            _give(moderator, named, role)


def _give(moderator: Moderator, site: Site, role: str) -> None:
    membership = moderator.membership_on(site.id)
    if membership is None:
        db.session.add(Membership(moderator=moderator, site=site, role=role, by_group=True))
        Login.end_without_provider(moderator)
        _record(Event.ROLE_GIVEN, moderator, site, role=role)
    elif membership.by_group and membership.role != role:
        before, membership.role = membership.role, role
        _record(Event.ROLE_CHANGED, moderator, site, before=before, role=role)


def _record(event: Event, moderator: Moderator, site: Site, **details: str) -> None:
    audit.record(event, by=Who.SYSTEM, site=site, account=moderator, because="group", **details)


def _roles(claims: dict[str, Any]) -> dict[str, str]:
    """The highest role of all groups, for each site."""
    claim = current_app.config["OIDC_GROUPS_CLAIM"]
    mapping = current_app.config["OIDC_GROUPS"]
    if mapping and claim not in claims and claim in _dict(claims, "_claim_names"):
        # Else all roles were taken back (Microsoft's "overage").
        raise Refused("too_many_groups", _too_many_groups(), status=403)
    groups, found = _texts(claims, claim), dict[str, str]()
    for group, key, role in mapping:
        if group in groups and (key not in found or Role(role).reaches(Role(found[key]))):
            found[key] = role
    return found


# Claims


def _texts(claims: dict[str, Any], name: str) -> set[str]:
    given = claims.get(name)
    listed = given if isinstance(given, list) else [given]
    return {each for each in listed[:MOST_GROUPS] if isinstance(each, str)}


def _dict(claims: dict[str, Any], name: str) -> dict[str, Any]:
    given = claims.get(name)
    return given if isinstance(given, dict) else {}


def _email(claims: dict[str, Any]) -> str:
    email, verified = claims.get("email"), claims.get("email_verified")
    trusted = verified is None and current_app.config["OIDC_TRUST_EMAIL"]
    # With other characters, several spellings lead to one account.
    if not isinstance(email, str) or not email.isascii() or not (verified is True or trusted):
        return ""
    try:
        return mailbox.check(email, private_names=True)
    except ValueError:
        return ""


def _name(claims: dict[str, Any]) -> str:
    """The first that may be shown: some providers let people choose it."""
    possible = (name for name in _possible_names(claims) if not is_invisible(name) and not mixes_alphabets(name))
    return next(possible, "–")


def _possible_names(claims: dict[str, Any]) -> Iterator[str]:
    for claim in ("name", "preferred_username", "email"):
        given = claims.get(claim)
        if isinstance(given, str) and (name := clean_line(given[:1_000]).partition("@")[0].strip()[:LONGEST_NAME]):
            yield name


# Sentences


def _unverified() -> str:
    return _(
        "%(provider)s did not tell a verified email address, so no account could be found. Log in another way, and "
        "link your account on its page.",
        provider=provider_name(),
    )


def _linked_elsewhere() -> str:
    return _(
        "This account is linked to another identity at %(provider)s. Ask the operator of this service.",
        provider=provider_name(),
    )


def _too_many_groups() -> str:
    return _(
        "%(provider)s did not tell all your groups. Ask the operator to limit them to those of this service.",
        provider=provider_name(),
    )
