"""The words of letters to authors: whether an address is hers, and what was decided on her comment and why."""

import json
from email.message import EmailMessage
from typing import Any

from flask import render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.extensions import db
from app.lib import markup
from app.lib.language import speaking
from app.lib.text import clean_line, excerpt
from app.models import Author, Decision, Delivery, Reason, Silence, Status, reason_name
from app.notify import signed_links, smtp

EXCERPT = 500  # characters

# The statement of reasons (Digital Services Act, article 17) in words that an author understands.
WHY: dict[str, Any] = {
    Reason.SPAM: _l("It looks like spam."),
    Reason.OFF_TOPIC: _l("It’s off topic for this article."),
    Reason.ATTACK: _l("It’s a personal attack."),
    Reason.HATE: _l("It attacks people for who they are."),
    Reason.ILLEGAL: _l("We believe this content is unlawful."),
    Reason.PERSONAL_DATA: _l("It shares someone’s personal data."),
    Reason.ADVERTISING: _l("It’s advertising."),
    Reason.DUPLICATE: _l("It duplicates an earlier comment."),
}
NO_REASON = _l("It doesn’t follow this site’s guidelines.")


def compose_confirmation(delivery: Delivery) -> EmailMessage | None:
    """Say nothing that the one who typed the address could have written: it may be a stranger's."""
    kept = json.loads(delivery.payload)
    author = db.session.get(Author, kept["author"])
    if author is None or author.email != kept["email"] or author.is_confirmed or _is_silent(author):
        return None
    with speaking(kept["lang"] or author.site.lang):
        about = {
            "site": clean_line(author.site.name),
            "confirm": signed_links.confirm_link(author),
            "stop": signed_links.stop_link(author),
        }
        subject = _("Confirm your email for %(site)s comments", site=about["site"])
        return _letter(delivery, author, "", subject, "confirm", about)


def compose_answer(delivery: Delivery) -> EmailMessage | None:
    """None when the decision does not stand any more, or nobody wants to know."""
    decision = db.session.get(Decision, delivery.decision_id)
    if decision is None or decision.comment.version != decision.version:
        return None
    comment, author = decision.comment, decision.comment.author
    if not author.is_confirmed or _is_silent(author):
        return None
    with speaking(comment.lang or author.site.lang):
        about = _about(decision)
        approved = decision.to_status == Status.APPROVED
        subject = (
            _("Your comment was published: %(page)s") if approved else _("Your comment wasn’t published: %(page)s")
        )
        return _letter(delivery, author, comment.name, subject % {"page": about["page"]}, "answer", about)


def why(decision: Decision) -> str:
    """The reason of a rejection, in a sentence for its author."""
    return str(WHY.get(decision.reason, NO_REASON))


def _about(decision: Decision) -> dict[str, Any]:
    comment, rejected = decision.comment, decision.to_status == Status.REJECTED
    first_time = rejected and not Decision.has_reason(comment, "appeal")
    return {
        "site": clean_line(comment.site.name),
        "page": clean_line(comment.thread.label),
        "text": excerpt(markup.plain(comment.html), EXCERPT),
        "rejected": rejected,
        "removed": decision.from_status == Status.APPROVED,
        "by_a_person": decision.moderator_id is not None,
        "reason": reason_name(decision.reason) if decision.reason in WHY else "",
        "why": why(decision),
        "address": f"{comment.thread.address}#comment-{comment.id}",
        "appeal": signed_links.appeal_link(decision) if first_time else "",
        "stop": signed_links.stop_link(comment.author),
    }


def _is_silent(author: Author) -> bool:
    return Silence.holds(author.site, author.address_index)


def _letter(
    delivery: Delivery, author: Author, name: str, subject: str, template: str, about: dict[str, Any]
) -> EmailMessage:
    return smtp.letter(
        to=author.email,
        name=name,
        subject=subject,
        text=render_template(f"mail/{template}.txt", **about),
        html=render_template(f"mail/{template}.html", **about),
        message_id=delivery.message_id,
        date=delivery.created_at,
        stop=about["stop"],
    )
