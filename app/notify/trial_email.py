"""The test email that an owner sends to themselves."""

from datetime import timedelta
from email.message import EmailMessage

from flask import current_app, render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib.language import DEFAULT, speaking
from app.lib.text import clean_line
from app.models import Delivery, Moderator, Site
from app.notify import smtp

KIND = "trial"
DAY = timedelta(days=1)
MOST_A_DAY = 5


def compose(delivery: Delivery) -> EmailMessage | None:
    """None if the account or the site is gone."""
    moderator = db.session.get(Moderator, delivery.moderator_id or 0)
    site = db.session.get(Site, delivery.site_id or 0)
    if moderator is None or site is None:
        return None
    context = {"site": clean_line(site.name), "link": f"{current_app.config['PUBLIC_URL']}/moderate/"}
    with speaking(moderator.lang or site.lang or DEFAULT):
        return smtp.build_message(
            to=moderator.email,
            name=moderator.name,
            subject=_("Test email for %(site)s", site=context["site"]),
            text=render_template("mail/trial.txt", **context),
            html=render_template("mail/trial.html", **context),
            message_id=delivery.message_id,
            date=delivery.created_at,
        )
