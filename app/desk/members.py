"""Invite moderators, change roles and remove members; a site always has an owner."""

import json
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy.exc import IntegrityError

from app.desk.accounts import words_about
from app.errors import Refused
from app.extensions import db
from app.lib import mailbox
from app.lib.clock import now
from app.lib.passwords import new_hash
from app.models import Delivery, Invitation, Membership, Moderator, Role, Site, audit
from app.models.audit import Event
from app.notify import outbox

DAY = timedelta(days=1)
# Invitations to one address from all sites.
MOST_A_DAY = 3


def invite(site: Site, email: str, role: Role, *, by: Moderator) -> Invitation:
    """Invite an email address. The response does not reveal whether it has an account.

    Raises Refused (429) after too many invitations.
    """
    to = outbox.recipient(email)
    if Delivery.count_to(to, now() - DAY, "invitation") >= MOST_A_DAY:
        said = _("Too many invitations today. Try again tomorrow.")
        raise Refused("flood", said, field="email", status=429)
    Invitation.forget_old(site)
    invitation = Invitation(site=site, email=email, role=role, made_by=by)
    db.session.add(invitation)
    db.session.flush()
    outbox.add(
        "invitation", site_id=invitation.site_id, payload=json.dumps({"invitation": invitation.id}), recipient=to
    )
    audit.record(Event.INVITED, by=by, site=site, invitation=invitation.id, email=mailbox.masked(email), role=role)
    return invitation


def accept(invitation: Invitation, *, name: str = "", password: str = "") -> Moderator:
    """Make the invited person a member, with their account or a new one. Raises BadPassword, and Refused (409)."""
    known = Moderator.with_email(invitation.email)
    moderator = known or _new(invitation, name, password)
    if moderator.role_on(invitation.site_id) is None:
        moderator.memberships.append(Membership(site=invitation.site, role=invitation.role))
    invitation.end()
    db.session.flush()
    if known is None:
        audit.record(Event.ACCOUNT_MADE, by=moderator, account=moderator, name=name)
    _record(
        Event.INVITATION_ACCEPTED, invitation.site, moderator, by=moderator,
        invitation=invitation.id, role=invitation.role,
    )  # fmt: skip
    return moderator


def revoke(invitation: Invitation, *, by: Moderator) -> None:
    if invitation.ended_at is None:
        invitation.end()
        audit.record(Event.INVITATION_REVOKED, by=by, site=invitation.site, invitation=invitation.id)


def change_role(membership: Membership, role: Role, *, by: Moderator) -> None:
    """Raises Refused (409) for the last owner, and for a role of a group of the identity provider."""
    if membership.by_group and role != membership.role:
        said = _("This role comes from a group of the identity provider. Change it there.")
        raise Refused("by_group", said, status=409)
    if role != Role.OWNER:
        _keep_an_owner(membership)
    before, membership.role = membership.role, role
    if before != role:
        _record(Event.ROLE_CHANGED, membership.site, membership.moderator, by=by, before=before, role=role)


def choose_sections(membership: Membership, sections: list[str], *, by: Moderator) -> None:
    """Keys of the only sections that the member moderates; [] for the whole site."""
    before, membership.sections = membership.sections, sections
    if before != sections:
        _record(Event.ROLE_CHANGED, membership.site, membership.moderator, by=by, sections=sections)


def remove(membership: Membership, *, by: Moderator) -> None:
    """Remove a member; their decisions stay. Raises Refused (409) for the last owner."""
    _keep_an_owner(membership)
    site, moderator, role = membership.site, membership.moderator, membership.role
    db.session.delete(membership)
    _record(Event.MEMBER_REMOVED, site, moderator, by=by, role=role)


def _record(event: Event, site: Site, account: Moderator, *, by: Moderator, **details: Any) -> None:
    audit.record(event, by=by, site=site, account=account, **details)


def _new(invitation: Invitation, name: str, password: str) -> Moderator:
    email = invitation.email
    hashed = new_hash(password, words_about(name, email, [invitation.site]))
    moderator = Moderator(name=name, email=email, email_index=Moderator.index_of(email), password_hash=hashed)
    db.session.add(moderator)
    try:
        db.session.flush()
    except IntegrityError:
        # By another invitation of the same moment.
        db.session.rollback()
        raise Refused("taken", _("This address already has an account. Reload the page."), status=409) from None
    return moderator


def _keep_an_owner(membership: Membership) -> None:
    owners = Membership.owners_of(membership.site, for_update=True)
    if owners == [membership]:
        raise Refused("last_owner", _("A site needs an owner. Make someone else an owner first."), status=409)
