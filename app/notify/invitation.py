"""The invitation email. Its link opens a page with a button that accepts."""

import json
from email.message import EmailMessage

from flask import current_app, render_template
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.language import speaking
from app.lib.secrets import is_unreadable
from app.lib.signing import BadToken, sign, unsign
from app.lib.text import clean_line
from app.models import Delivery, Invitation, Role
from app.models.invitation import LASTS
from app.notify import smtp


def invitation_of(token: str, *, lock: bool = False) -> Invitation:
    """`lock` to answer it, so that of two answers at once the second sees the first.

    Raises Refused (410) if it is invalid, answered or withdrawn, or if its sender is no longer an owner.
    """
    try:
        found = db.session.get(Invitation, unsign("invitation", token, LASTS), with_for_update=lock or None)
    except BadToken:
        found = None
    if (
        found is None
        or not found.is_open
        or is_unreadable(found.email)
        or found.made_by.role_on(found.site_id) != Role.OWNER
    ):
        raise Refused("bad_link", _("This invitation has expired. Ask for a new one."), status=410)
    return found


def compose(delivery: Delivery) -> EmailMessage | None:
    invitation = db.session.get(Invitation, json.loads(delivery.payload)["invitation"])
    if invitation is None or not invitation.is_open:
        return None
    site = invitation.site
    context = {
        "site": clean_line(site.name),
        "by": clean_line(invitation.made_by.name),
        "link": f"{current_app.config['PUBLIC_URL']}/invitation/{sign('invitation', invitation.id)}",
    }
    with speaking(site.lang):
        return smtp.build_message(
            to=invitation.email,
            name="",
            subject=_("Moderate comments on %(site)s?", site=context["site"]),
            text=render_template("mail/invitation.txt", **context),
            html=render_template("mail/invitation.html", **context),
            message_id=delivery.message_id,
            date=delivery.created_at,
        )
