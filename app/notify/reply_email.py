"""Emails to subscribers about new comments on a page: at most one an hour for a page, a few excerpts each."""

import json
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

from flask import render_template
from flask_babel import gettext as _
from flask_babel import ngettext as _n

from app.extensions import db
from app.lib import markup
from app.lib.clock import now
from app.lib.language import speaking, tag_now
from app.lib.secrets import candidates
from app.lib.text import clean_line, excerpt
from app.models import Announcement, Author, Comment, Delivery, Subscription, Unsubscribe, words_of
from app.models.announcement import Announced, Wish
from app.models.badge import badge_text
from app.notify import signed_links, smtp

KIND = "replies"
EVERY = timedelta(hours=1)  # between two emails about one page to one address
MOST_A_DAY = 10  # emails of all kinds to one address
LISTED = 10  # comments in one email
EXCERPT = 300  # characters
MOST_COUNTED = 500  # comments
# A subscriber who was not told for so long is told of the newer comments only.
RECENT = timedelta(days=7)


def begin(delivery: Delivery) -> bool:
    """Choose the comments of an email, in the caller's transaction; False if it must wait or has nothing to tell.

    It keeps them through all retries. Comments that are published later queue another email.
    """
    if delivery.kind != KIND or delivery.once is None:
        return True
    author, comment = _subjects(delivery)
    found = _unseen(author, comment.thread) if author and comment and _is_wanted(author, comment) else None
    if not found:
        delivery.finish("nothing to say")
        return False
    subscriptions, unseen = found
    if wait := _wait(subscriptions, delivery.recipient or ""):
        delivery.put_off(now() + wait)
        return False
    for each in subscriptions:
        each.told_id, each.told_at = unseen[-1].id, now()
    listed = [row.comment_id for row in unseen[:LISTED]]
    payload = json.loads(delivery.payload) | {"listed": listed, "count": len(unseen)}
    delivery.payload, delivery.once = json.dumps(payload), None
    return True


def compose(delivery: Delivery) -> EmailMessage | None:
    """None if the subscriber does not want it any more, or none of its comments is public any more."""
    author, comment = _subjects(delivery)
    if author is None or comment is None or not _is_wanted(author, comment):
        return None
    subscriptions, payload = Subscription.of_address(comment.thread, author), json.loads(delivery.payload)
    shown = [found for id in payload["listed"] if (found := Comment.public(id))]
    if not subscriptions or not shown:
        return None
    with speaking(subscriptions[-1].lang or author.site.lang):
        context = _context(author, shown, payload["count"], subscriptions)
        return _email(delivery, author, context)


def _subjects(delivery: Delivery) -> tuple[Author | None, Comment | None]:
    payload = json.loads(delivery.payload)
    return db.session.get(Author, payload["author"]), db.session.get(Comment, payload["comment"])


def _is_wanted(author: Author, comment: Comment) -> bool:
    return (
        author.is_confirmed and comment.thread.visible and not Unsubscribe.contains(author.site, author.address_index)
    )


def _unseen(author: Author, thread: Any) -> tuple[list[Subscription], list[Announced]] | None:
    """The subscriptions of the author's address to the page, locked, and the comments that they were not told of."""
    subscriptions = Subscription.of_address(thread, author, lock=True)
    if not subscriptions:
        return None
    wishes = [Wish(each.told_id, None if each.everything else each.author_id) for each in subscriptions]
    without = candidates([author.address_index])
    unseen = Announcement.unseen(thread.id, wishes, since=now() - RECENT, without=without, limit=MOST_COUNTED)
    return (subscriptions, unseen) if unseen else None


def _wait(subscriptions: list[Subscription], recipient: str) -> timedelta | None:
    """How long the email must wait for its turn; None if it may be sent now."""
    last = max((each.told_at for each in subscriptions if each.told_at), default=None)
    if last and last <= now() < last + EVERY:
        return last + EVERY - now()
    return EVERY if Delivery.count_sent(recipient, now() - timedelta(days=1)) >= MOST_A_DAY else None


def _context(author: Author, shown: list[Comment], count: int, subscriptions: list[Subscription]) -> dict[str, Any]:
    thread, own = shown[0].thread, {each.author_id for each in subscriptions}
    answered = {each.parent.id: each.parent for each in shown if each.parent and each.parent.author_id in own}
    replies = all(each.parent_id in answered for each in shown)
    mine = next(iter(answered.values())) if replies and len(answered) == 1 else None
    only_replies = not any(each.everything for each in subscriptions)
    return {
        "site": clean_line(author.site.name),
        "page": clean_line(thread.label),
        "address": thread.address,
        "lines": [_line(each) for each in shown],
        "count": count,
        "more": count - len(shown),
        "replies": replies,
        "own": signed_links.own_link(mine) if mine else "",
        "stop_comment": signed_links.unfollow_link(author, mine, "comment") if mine and only_replies else "",
        "stop_page": signed_links.unfollow_link(author, shown[0], "page"),
        "stop": signed_links.stop_link(author),
        "footer": words_of(author.site, tag_now(), thread.section).email_footer,
    }


def _line(comment: Comment) -> dict[str, str]:
    return {
        "name": _signature(comment),
        "text": excerpt(markup.plain(comment.html), EXCERPT),
        "address": f"{comment.thread.address}#comment-{comment.id}",
    }


def _signature(comment: Comment) -> str:
    name, badge = clean_line(comment.name) or _("Anonymous"), badge_text(comment.badge)
    return _("%(name)s (%(badge)s)", name=name, badge=badge) if badge else name


def _email(delivery: Delivery, author: Author, context: dict[str, Any]) -> EmailMessage:
    count, page = context["count"], context["page"]
    if context["replies"]:
        subject = _n("New reply to your comment: %(page)s", "%(num)d new replies to your comments: %(page)s", count,
                     page=page)  # fmt: skip
    else:
        subject = _n("New comment: %(page)s", "%(num)d new comments: %(page)s", count, page=page)
    return smtp.build_message(
        to=author.email,
        name=author.name,
        sender=context["site"],
        subject=subject,
        text=render_template("mail/replies.txt", **context),
        html=render_template("mail/replies.html", **context),
        message_id=delivery.message_id,
        date=delivery.created_at,
        unsubscribe=context["stop_page"],
    )
