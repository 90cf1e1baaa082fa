"""The email about a checker that went back to shadow mode."""

import json
from email.message import EmailMessage

from flask import current_app, render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib.language import speaking
from app.lib.text import clean_line
from app.models import Checker, Delivery, Moderator, Role
from app.notify import smtp


def compose(delivery: Delivery) -> EmailMessage | None:
    """None for other moderators than administrators, or if the checker is gone."""
    moderator, payload = db.session.get_one(Moderator, delivery.moderator_id), json.loads(delivery.payload)
    checker = db.session.get(Checker, payload["checker"])
    role = moderator.role_on(checker.site_id) if checker else None
    if checker is None or role is None or not role.reaches(Role.ADMIN):
        return None
    with speaking(moderator.lang or checker.site.lang):
        return _email(delivery, moderator, checker, payload["cause"])


def _email(delivery: Delivery, moderator: Moderator, checker: Checker, cause: str) -> EmailMessage:
    site, name = checker.site, clean_line(checker.name)
    context = {
        "site": clean_line(site.name),
        "name": name,
        "fails": cause == "errors",
        "page": f"{current_app.config['PUBLIC_URL']}/sites/{site.key}/checkers/{checker.id}",
        "lang": moderator.lang or site.lang,
    }
    return smtp.build_message(
        to=moderator.email,
        name=moderator.name,
        subject=_("The checker %(name)s is back in shadow mode", name=name),
        text=render_template("mail/checker.txt", **context),
        html=render_template("mail/checker.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
    )
