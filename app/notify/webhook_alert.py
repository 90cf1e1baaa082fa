"""The email to a site's owners about a webhook whose receiver is away or wants nothing any more."""

from email.message import EmailMessage

from flask import current_app, render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib.language import speaking
from app.lib.text import clean_line
from app.models import Delivery, Moderator, Role, Webhook, WebhookState
from app.notify import smtp

KIND = "webhook"


def compose(delivery: Delivery) -> EmailMessage | None:
    """None if the webhook works again or is gone, or the moderator is no owner any more."""
    moderator, webhook = db.session.get_one(Moderator, delivery.moderator_id), _webhook(delivery)
    if webhook is None or moderator.role_on(webhook.site_id) != Role.OWNER:
        return None
    site, lang = webhook.site, moderator.lang or webhook.site.lang
    context = {
        "site": clean_line(site.name),
        "name": clean_line(webhook.name),
        "gone": webhook.state == WebhookState.GONE,
        "page": f"{current_app.config['PUBLIC_URL']}/sites/{site.key}/webhooks",
        "lang": lang,
    }
    with speaking(lang):
        return smtp.build_message(
            to=moderator.email,
            name=moderator.name,
            subject=_("Webhook “%(name)s” of %(site)s gets no answer", name=context["name"], site=context["site"]),
            text=render_template("mail/webhook.txt", **context),
            html=render_template("mail/webhook.html", **context),
            message_id=delivery.message_id,
            date=delivery.created_at,
        )


def _webhook(delivery: Delivery) -> Webhook | None:
    found = db.session.get(Webhook, int(delivery.payload))
    return found if found and (found.failures or found.state == WebhookState.GONE) else None
