"""The email about an article that holds everything for a while."""

import json
from email.message import EmailMessage

from flask import current_app, render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib.language import speaking
from app.lib.text import clean_line
from app.models import Delivery, Moderator, Thread
from app.models.section_scope import moderates
from app.notify import smtp


def compose(delivery: Delivery) -> EmailMessage | None:
    """None if the moderator has left the site, or if the hold is over."""
    moderator, payload = db.session.get_one(Moderator, delivery.moderator_id), json.loads(delivery.payload)
    thread = db.session.get(Thread, payload["thread"])
    if thread is None or not moderates(moderator, thread) or not thread.holds_everything():
        return None
    with speaking(moderator.lang or thread.site.lang):
        return _email(delivery, moderator, thread, payload["cause"])


def _email(delivery: Delivery, moderator: Moderator, thread: Thread, cause: str) -> EmailMessage:
    page, site = clean_line(thread.label), thread.site
    context = {
        "site": clean_line(site.name),
        "page": page,
        "reported": cause == "reports",
        "minutes": site.brake_minutes,
        "article": f"{current_app.config['PUBLIC_URL']}/sites/{site.key}/threads/{thread.id}",
        "lang": moderator.lang or site.lang,
    }
    return smtp.build_message(
        to=moderator.email,
        name=moderator.name,
        subject=_("All comments are held on this article: %(page)s", page=page),
        text=render_template("mail/brake.txt", **context),
        html=render_template("mail/brake.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
    )
