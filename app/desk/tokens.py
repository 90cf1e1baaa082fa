"""Make and revoke access tokens for programs."""

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any

from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.clock import now
from app.models import ApiToken, Emails, Membership, Moderator, Role, Scope, Site, audit
from app.models.api_token import OF_ROLE
from app.models.audit import Event, Who
from app.models.moderator import NO_PASSWORD

# Of a site at once: each program needs one.
MOST = 50
ROLES = tuple(OF_ROLE)


def make(
    site: Site,
    *,
    name: str,
    role: Role,
    scopes: Collection[Scope] = (),
    expires_at: datetime | None = None,
    by: Moderator | Who,
) -> tuple[ApiToken, str]:
    """A new token, and the secret, which cannot be shown again. Without `scopes`, it has all of the role.

    Raises Refused (422) for scopes beyond the role, and (409) for too many tokens.
    """
    wanted = [scope for scope in OF_ROLE[role] if scope in (scopes or OF_ROLE[role])]
    if set(scopes) - set(wanted):
        raise Refused("scope_beyond_role", _("Only administrators’ tokens can have these scopes."), field="scopes")
    if expires_at and expires_at <= now():
        raise Refused("bad_expiry", _("This time is in the past."), field="expires_at")
    if len(ApiToken.of_site(site)) >= MOST:
        said = _("This site has %(most)d tokens already. Revoke one first.", most=MOST)
        raise Refused("too_many_tokens", said, status=409)
    secret = ApiToken.new_secret()
    token = ApiToken(
        site=site,
        moderator=_account(site, name, role),
        token_hash=ApiToken.hash_of(secret),
        scopes=[scope.value for scope in wanted],
        made_by=by if isinstance(by, Moderator) else None,
        expires_at=expires_at,
    )
    db.session.add(token)
    db.session.flush()
    until = {"until": expires_at.isoformat()} if expires_at else {}
    _record(Event.TOKEN_MADE, token, by, role=role.value, scopes=token.scopes, **until)
    return token, secret


def revoke(token: ApiToken, *, by: Moderator | Who) -> None:
    """End a token at once. The row and its account stay, so that the log can name the program."""
    token.revoked_at = now()
    _record(Event.TOKEN_ENDED, token, by)


def _record(event: Event, token: ApiToken, by: Moderator | Who, **details: Any) -> None:
    audit.record(event, by=by, site=token.site, account=token.moderator, name=token.name, **details)


def _account(site: Site, name: str, role: Role) -> Moderator:
    # RFC 2606, 2: no email can be sent there.
    address = f"{secrets.token_hex(16)}@programs.invalid"
    return Moderator(
        name=name,
        email=address,
        email_index=Moderator.index_of(address),
        password_hash=NO_PASSWORD,
        is_program=True,
        emails=Emails.NONE,
        memberships=[Membership(site=site, role=role)],
    )
