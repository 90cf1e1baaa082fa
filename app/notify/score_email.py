"""The email about a spam score that turned itself off."""

import json
from email.message import EmailMessage

from flask import current_app, render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib.language import speaking
from app.lib.text import clean_line
from app.models import Delivery, Moderator, Role, Site
from app.notify import smtp


def compose(delivery: Delivery) -> EmailMessage | None:
    """None if the moderator has left the site, or if the score is on again."""
    moderator, payload = db.session.get_one(Moderator, delivery.moderator_id), json.loads(delivery.payload)
    site = db.session.get(Site, payload["site"])
    role = moderator.role_on(site.id) if site else None
    if site is None or role is None or site.score_acts:
        return None
    with speaking(moderator.lang or site.lang):
        return _email(delivery, moderator, site, may_open=role.reaches(Role.ADMIN))


def _email(delivery: Delivery, moderator: Moderator, site: Site, *, may_open: bool) -> EmailMessage:
    name, payload = clean_line(site.name), json.loads(delivery.payload)
    page = f"{current_app.config['PUBLIC_URL']}/sites/{site.key}/screening"
    context = {
        "site": name,
        "alarms": payload["alarms"],
        "honest": payload["honest"],
        "page": page if may_open else "",
        "lang": moderator.lang or site.lang,
    }
    return smtp.build_message(
        to=moderator.email,
        name=moderator.name,
        subject=_("The spam score is only shown again on %(site)s", site=name),
        text=render_template("mail/score.txt", **context),
        html=render_template("mail/score.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
    )
