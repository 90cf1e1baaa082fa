"""Emails about legal notices to moderators, the notifier and the comment's author."""

import json
from email.message import EmailMessage
from typing import Any

from flask import current_app, render_template
from flask_babel import gettext as _

from app.extensions import db
from app.lib import markup
from app.lib.language import long_day, speaking, tag_now
from app.lib.text import clean_line, excerpt
from app.models import Comment, Delivery, Moderator, Notice, NoticeState, Outcome, Unsubscribe, claim_name, words_of
from app.models.section_scope import moderates
from app.notify import signed_links, smtp

ALERT, RECEIPT, DECISION, INQUIRY = "notice", "receipt", "notice_answer", "inquiry"
EXCERPT = 500  # characters


def compose_alert(delivery: Delivery) -> EmailMessage | None:
    """To a moderator. None if the case is decided, or the moderator has left the site."""
    moderator, payload = db.session.get_one(Moderator, delivery.moderator_id), json.loads(delivery.payload)
    notice = db.session.get(Notice, payload["notice"])
    if notice is None or notice.is_closed or not moderates(moderator, notice.comment.thread):
        return None
    with speaking(moderator.lang or notice.site.lang):
        context = _about(notice) | {
            "cause": payload["cause"],
            "footer": "",
            "case": f"{current_app.config['PUBLIC_URL']}/moderate/notices/{notice.id}",
        }
        subject = _("Legal notice %(number)s: %(page)s", number=notice.number, page=context["page"])
        return _email(delivery, moderator.email, moderator.name, subject, "notice", context)


def compose_receipt(delivery: Delivery) -> EmailMessage | None:
    """Without typed text: a stranger may have typed the address."""
    notice = _notice(delivery)
    if notice is None or not notice.email:
        return None
    with speaking(notice.lang or notice.site.lang):
        context = _about(notice) | {"link": signed_links.notice_link(notice, emailed=True)}
        subject = _("We’ve received your notice %(number)s", number=notice.number)
        return _email(delivery, notice.email, "", subject, "receipt", context)


def compose_decision(delivery: Delivery) -> EmailMessage | None:
    """To the notifier: the decision, or that the case was reopened after an email with a decision. None if a later
    change made it wrong."""
    notice = _current(delivery)
    if notice is None or not notice.email or not (notice.is_closed or _was_told(notice, delivery)):
        return None
    with speaking(notice.lang or notice.site.lang):
        context = _ruling(notice) | {"link": signed_links.notice_link(notice, emailed=True)}
        subject = (
            _("Decision on your notice %(number)s", number=notice.number)
            if notice.is_closed
            else _("Your notice %(number)s is being reviewed again", number=notice.number)
        )
        return _email(delivery, notice.email, "", subject, "notice_answer", context)


def compose_statement(delivery: Delivery) -> EmailMessage | None:
    """To the comment's author. None if a later decision made it wrong, or the author has unsubscribed."""
    notice = _current(delivery)
    if notice is None or not notice.is_closed:
        return None
    comment, author, decision = notice.comment, notice.comment.author, notice.decision
    if not author.is_confirmed or Unsubscribe.contains(author.site, author.address_index):
        return None
    if decision and decision.version != comment.version:
        return None
    with speaking(comment.lang or author.site.lang):
        context = _ruling(notice) | {
            "text": excerpt(markup.plain(comment.html), EXCERPT),
            "own": signed_links.own_link(comment),
            "appeal": signed_links.appeal_link(decision) if decision else "",
            "stop": signed_links.stop_link(author),
        }
        removed = notice.outcome == Outcome.REMOVED
        subject = _("Your comment was removed: %(page)s") if removed else _("Your comment stays public: %(page)s")
        return _email(
            delivery, author.email, comment.name, subject % {"page": context["page"]}, "statement", context,
            unsubscribe=context["stop"],
        )  # fmt: skip


def compose_inquiry(delivery: Delivery) -> EmailMessage | None:
    """The question to the comment's author. None once it is answered, or if the author has unsubscribed."""
    notice = _current(delivery)
    if notice is None or notice.state != NoticeState.INQUIRY:
        return None
    comment, author = notice.comment, notice.comment.author
    if not author.is_confirmed or Unsubscribe.contains(author.site, author.address_index):
        return None
    with speaking(comment.lang or author.site.lang):
        context = _about(notice) | {
            "text": excerpt(markup.plain(comment.html), EXCERPT),
            "question": notice.question,
            "link": signed_links.inquiry_link(notice),
            "stop": signed_links.stop_link(author),
        }
        subject = _("A question about your comment: %(page)s", page=context["page"])
        return _email(
            delivery, author.email, comment.name, subject, "inquiry", context, unsubscribe=context["stop"]
        )  # fmt: skip


def _notice(delivery: Delivery) -> Notice | None:
    return db.session.get(Notice, json.loads(delivery.payload)["notice"])


def _current(delivery: Delivery) -> Notice | None:
    """The notice, unless its case has changed since the email was queued."""
    notice = _notice(delivery)
    return notice if notice and notice.version == json.loads(delivery.payload)["version"] else None


def _was_told(notice: Notice, before: Delivery) -> bool:
    """True if an earlier email told the notifier a decision."""
    return any(json.loads(each)["notice"] == notice.id for each in Delivery.sent_before(before, DECISION))


def _about(notice: Notice) -> dict[str, Any]:
    comment, site = notice.comment, notice.site
    return {
        "site": clean_line(site.name),
        "page": clean_line(comment.thread.label),
        "comment": permalink(comment),
        "number": notice.number,
        "claim": claim_name(notice.claim),
        "received": long_day(notice.made_at, site.timezone),
        "due": long_day(notice.due_at, site.timezone),
        "footer": words_of(site, tag_now(), comment.thread.section).email_footer,
    }


def _ruling(notice: Notice) -> dict[str, Any]:
    return _about(notice) | {
        "closed": notice.is_closed,
        "removed": notice.outcome == Outcome.REMOVED,
        "by_law": notice.ground == "law",
        "provision": notice.provision,
        "facts": notice.facts,
    }


def permalink(comment: Comment) -> str:
    return f"{comment.thread.address}#comment-{comment.id}"


def _email(
    delivery: Delivery, to: str, name: str, subject: str, template: str, context: dict[str, Any], unsubscribe: str = ""
) -> EmailMessage:
    return smtp.build_message(
        to=to,
        name=name,
        subject=subject,
        text=render_template(f"mail/{template}.txt", **context),
        html=render_template(f"mail/{template}.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
        unsubscribe=unsubscribe,
        sender=context["site"],
    )
