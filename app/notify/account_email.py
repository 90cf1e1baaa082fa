"""Emails to moderators about their account: a new password, another address, and changes."""

import json
from email.message import EmailMessage
from enum import StrEnum
from typing import Any

from flask import current_app, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.errors import Refused
from app.extensions import db
from app.lib.language import speaking
from app.lib.secrets import blind_index, is_unreadable
from app.lib.signing import BadToken, sign, unsign
from app.lib.text import clean_line
from app.models import Delivery, EmailChange, Identity, Moderator, PasswordReset, audit
from app.models.audit import Event, Who
from app.models.email_change import LASTS as CHANGE_LASTS
from app.models.email_change import Side
from app.models.password_reset import LASTS as RESET_LASTS
from app.models.password_reset import is_open
from app.notify import smtp

RESET, CHANGE, NEWS = "reset", "email_change", "account"


class News(StrEnum):
    """What a moderator is told, so that a change by someone else is noticed."""

    PASSWORD = "password"  # noqa: S105
    RESET = "reset"
    EMAIL = "email"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    APP_ADDED = "app_added"
    APP_REMOVED = "app_removed"
    CODES_MADE = "codes_made"
    CODE_USED = "code_used"
    FACTORS_RESET = "factors_reset"
    LINKED = "linked"
    UNLINKED = "unlinked"


SENTENCES = {
    News.PASSWORD: _l("The password of your account was changed. All other browsers are logged out."),
    News.RESET: _l("A new password was set with a link that we emailed to you. All browsers are logged out."),
    News.EMAIL: _l("Your account now has another email address. This address gets no more emails about it."),
    News.PASSKEY_ADDED: _l("A passkey was added to your account."),
    News.PASSKEY_REMOVED: _l("A passkey was removed from your account."),
    News.APP_ADDED: _l("An authenticator app was added to your account."),
    News.APP_REMOVED: _l("The authenticator app was removed from your account."),
    News.CODES_MADE: _l("New recovery codes were created for your account. Earlier codes no longer work."),
    News.CODE_USED: _l("A recovery code was used to log in to your account."),
    News.FACTORS_RESET: _l(
        "The operator removed all second factors from your account. Your password alone logs you in again."
    ),
    News.LINKED: _l("Your account was linked to single sign-on: it can now be used to log in."),
    News.UNLINKED: _l("Single sign-on was unlinked from your account: it no longer logs you in."),
}


def change_of(token: str) -> tuple[EmailChange, Side]:
    """The change behind a link, and the address that it was sent to. Raises Refused (410)."""
    try:
        id, nonce, side = unsign(CHANGE, token, CHANGE_LASTS)
    except BadToken:
        id, nonce, side = 0, "", Side.OLD
    found = EmailChange.with_nonce(id, nonce)
    if found is None or is_unreadable(found.email):
        raise Refused("bad_link", _("This link has expired."), status=410)
    return found, Side(side)


def compose_reset(delivery: Delivery) -> EmailMessage | None:
    """None for an address without an account, and once the password was set or the link has expired."""
    asked = json.loads(delivery.payload)
    moderator = Moderator.with_email(asked["email"])
    if (
        moderator is None
        or Identity.is_only_way(moderator)
        or moderator.password_set_at >= delivery.created_at
        or not is_open(delivery.created_at)
    ):
        # Anyone's address may have been typed.
        delivery.payload = ""
        return None
    # The same in every retry, and stored as a hash only.
    token = str(blind_index("password reset", delivery.message_id)).rpartition(".")[2]
    if PasswordReset.offer(moderator, token, delivery.created_at):
        audit.record(Event.RESET_REQUESTED, by=Who.VISITOR, account=moderator)
    with speaking(moderator.lang or asked["lang"]):
        return _message(
            delivery, moderator, moderator.email, "reset", _("Set a new password"),
            link=f"{current_app.config['PUBLIC_URL']}/reset/{token}", minutes=int(RESET_LASTS.total_seconds() // 60),
        )  # fmt: skip


def compose_change(delivery: Delivery) -> EmailMessage | None:
    """None once the change has ended, and for the new address if another account has it.

    The old address gets its email in any case: else its absence would tell that there is an account.
    """
    asked = json.loads(delivery.payload)
    change, side = EmailChange.with_nonce(asked["id"], asked["nonce"]), Side(asked["side"])
    if change is None or (side == Side.NEW and Moderator.with_email(change.email)):
        return None
    to = change.moderator.email if side == Side.OLD else change.email
    link = f"{current_app.config['PUBLIC_URL']}/email/{sign(CHANGE, [change.id, change.nonce, side])}"
    with speaking(change.moderator.lang):
        return _message(
            delivery, change.moderator, to, "email_change", _("Confirm your new email address"),
            link=link, old=change.moderator.email, new=change.email, side=side,
        )  # fmt: skip


def compose_news(delivery: Delivery) -> EmailMessage:
    told = json.loads(delivery.payload)
    moderator = db.session.get_one(Moderator, delivery.moderator_id)
    with speaking(moderator.lang):
        return _message(
            delivery, moderator, told["to"], "account", _("Your account was changed"),
            sentence=str(SENTENCES[told["news"]]), reset=f"{current_app.config['PUBLIC_URL']}/reset",
            can_reset=told["news"] != News.EMAIL,
        )  # fmt: skip


def _message(
    delivery: Delivery, moderator: Moderator, to: str, template: str, subject: str, **context: Any
) -> EmailMessage:
    context |= {"name": clean_line(moderator.name)}
    return smtp.build_message(
        to=to,
        name=moderator.name,
        subject=subject,
        text=render_template(f"mail/{template}.txt", **context),
        html=render_template(f"mail/{template}.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
    )
