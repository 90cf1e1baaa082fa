"""Emails to authors: confirm an address; decisions with reasons."""

import json
from email.message import EmailMessage
from typing import Any

from flask import render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib import markup
from app.lib.language import speaking, tag_now
from app.lib.text import clean_line, excerpt
from app.models import Actor, Author, Decision, Delivery, Notice, Status, Unsubscribe, reason_name, words_of
from app.models.decision import COVERED, UNCOVERED
from app.notify import reason_texts, signed_links, smtp

EXCERPT = 500  # characters


def compose_confirmation(delivery: Delivery) -> EmailMessage | None:
    """Without typed text: a stranger may have typed the address."""
    payload = json.loads(delivery.payload)
    author = db.session.get(Author, payload["author"])
    if author is None or author.email != payload["email"] or author.is_confirmed or _has_unsubscribed(author):
        return None
    with speaking(payload["lang"] or author.site.lang):
        context = {
            "site": clean_line(author.site.name),
            "confirm": signed_links.confirm_link(author),
            "stop": signed_links.stop_link(author),
            "footer": words_of(author.site, tag_now()).email_footer,
        }
        subject = _("Confirm your email for %(site)s comments", site=context["site"])
        return _email(delivery, author, "", subject, "confirm", context)


def compose_answer(delivery: Delivery) -> EmailMessage | None:
    """None if the decision is outdated, or the author has unsubscribed."""
    decision = _standing(delivery)
    if decision is None:
        return None
    comment, author = decision.comment, decision.comment.author
    with speaking(comment.lang or author.site.lang):
        context = _context(decision)
        subject = _subject(decision, context) % {"page": context["page"]}
        return _email(delivery, author, comment.name, subject, "answer", context)


def _subject(decision: Decision, context: dict[str, Any]) -> str:
    if context["covers"]:
        return _("A passage of your comment was hidden: %(page)s")
    if context["uncovers"]:
        return _("Your comment is shown in full again: %(page)s")
    approved = decision.to_status == Status.APPROVED
    return _("Your comment was published: %(page)s") if approved else _("Your comment wasn’t published: %(page)s")


def compose_correction(delivery: Delivery) -> EmailMessage | None:
    """An undo made the last email to the author wrong. None if a later decision made it right again."""
    decision = _standing(delivery)
    told = Delivery.last_told(decision.comment, before=delivery.id) if decision else None
    if decision is None or told in (None, decision.to_status):
        return None
    comment, author = decision.comment, decision.comment.author
    with speaking(comment.lang or author.site.lang):
        context = _context(decision) | {"told_published": told == Status.APPROVED, "status": decision.to_status}
        subject = _("Correction about your comment: %(page)s", page=context["page"])
        return _email(delivery, author, comment.name, subject, "correction", context)


def _standing(delivery: Delivery) -> Decision | None:
    """The delivery's decision if it is the newest, its author gets email, and the article does not hide the comment."""
    decision = db.session.get(Decision, delivery.decision_id)
    if decision is None or decision.comment.version != decision.version:
        return None
    author, hidden = decision.comment.author, decision.to_status == Status.APPROVED and not decision.comment.is_public
    return None if hidden or not author.is_confirmed or _has_unsubscribed(author) else decision


def why(decision: Decision) -> str:
    """What the moderator typed for the author, else the text of the reason; after a legal notice, the facts of its
    statement of reasons."""
    notice = Notice.closed_by(decision) if decision.reason == "notice" else None
    if notice and notice.facts:
        return notice.facts
    if decision.actor == Actor.MODERATOR and decision.note and decision.reason != "notice":
        return decision.note
    return reason_texts.text_for(decision.comment.site, decision.reason)


def _context(decision: Decision) -> dict[str, Any]:
    comment, rejected = decision.comment, decision.to_status == Status.REJECTED
    first_time = rejected and not Decision.has_reason(comment, "appeal")
    return {
        "site": clean_line(comment.site.name),
        "page": clean_line(comment.thread.label),
        "text": excerpt(markup.plain(comment.html), EXCERPT),
        "rejected": rejected,
        "covers": decision.reason == COVERED,
        "uncovers": decision.reason == UNCOVERED and Delivery.has_told(comment, COVERED),
        "covered": comment.covered_at is not None,
        "removed": decision.from_status == Status.APPROVED,
        "by_a_person": decision.moderator_id is not None,
        "reason": reason_name(decision.reason) if decision.reason in reason_texts.USUAL else "",
        "why": why(decision),
        "address": f"{comment.thread.address}#comment-{comment.id}",
        "own": signed_links.own_link(comment),
        "appeal": signed_links.appeal_link(decision) if first_time else "",
        "stop": signed_links.stop_link(comment.author),
        "footer": words_of(comment.site, tag_now(), comment.thread.section).email_footer,
    }


def _has_unsubscribed(author: Author) -> bool:
    return Unsubscribe.contains(author.site, author.address_index)


def _email(
    delivery: Delivery, author: Author, name: str, subject: str, template: str, context: dict[str, Any]
) -> EmailMessage:
    return smtp.build_message(
        to=author.email,
        name=name,
        subject=subject,
        text=render_template(f"mail/{template}.txt", **context),
        html=render_template(f"mail/{template}.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
        unsubscribe=context["stop"],
        sender=context["site"],
    )
