"""The email about a burst."""

from email.message import EmailMessage

from flask import current_app, render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib.language import speaking
from app.lib.text import clean_line
from app.models import Delivery, Moderator, Site
from app.notify import smtp


def compose(delivery: Delivery) -> EmailMessage | None:
    """None if the moderator has left the site."""
    moderator = db.session.get_one(Moderator, delivery.moderator_id)
    site = db.session.get(Site, int(delivery.payload))
    if site is None or moderator.role_on(site.id) is None:
        return None
    with speaking(moderator.lang or site.lang):
        return _email(delivery, moderator, site)


def _email(delivery: Delivery, moderator: Moderator, site: Site) -> EmailMessage:
    name = clean_line(site.name)
    context = {
        "site": name,
        "burst": site.burst,
        "minutes": -(-current_app.config["FLOOD_HOLD"] // 60),
        "queue": current_app.config["PUBLIC_URL"] + "/moderate/",
        "lang": moderator.lang or site.lang,
    }
    return smtp.build_message(
        to=moderator.email,
        name=moderator.name,
        subject=_("Traffic spike: all comments are held on %(site)s", site=name),
        text=render_template("mail/flood.txt", **context),
        html=render_template("mail/flood.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
    )
