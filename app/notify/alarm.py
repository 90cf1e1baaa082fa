"""The alarm: one letter to a moderator when a burst makes her site hold everything."""

from email.message import EmailMessage

from flask import current_app, render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib.language import speaking
from app.lib.text import clean_line
from app.models import Delivery, Moderator, Site
from app.notify import smtp


def compose(delivery: Delivery) -> EmailMessage | None:
    """Return the letter about the site whose id is the delivery's payload; None when it is not hers any more."""
    moderator = db.session.get_one(Moderator, delivery.moderator_id)
    site = db.session.get(Site, int(delivery.payload))
    if site is None or moderator.role_on(site.id) is None:
        return None
    with speaking(moderator.lang or site.lang):
        return _letter(delivery, moderator, site)


def _letter(delivery: Delivery, moderator: Moderator, site: Site) -> EmailMessage:
    name = clean_line(site.name)
    about = {
        "site": name,
        "burst": site.burst,
        "minutes": -(-current_app.config["FLOOD_HOLD"] // 60),
        "queue": current_app.config["PUBLIC_URL"] + "/moderate/",
        "lang": moderator.lang or site.lang,
    }
    return smtp.letter(
        to=moderator.email,
        name=moderator.name,
        subject=_("Traffic spike: all comments are held on %(site)s", site=name),
        text=render_template("mail/alarm.txt", **about),
        html=render_template("mail/alarm.html", **about),
        message_id=delivery.message_id,
        date=delivery.created_at,
    )
