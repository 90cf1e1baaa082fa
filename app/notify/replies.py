"""Tell the subscribers of a page about a comment that was published: in the worker, in batches."""

import json
from datetime import datetime, timedelta

from flask import current_app
from sqlalchemy import false
from sqlalchemy.dialects import postgresql, sqlite

from app.extensions import db
from app.lib.clock import now
from app.models import Announcement, Author, Comment, Decision, Delivery, Notify, Status, Subscription
from app.notify import outbox, reply_email

KIND = "announce"
BATCH = 200  # subscribers in one transaction


def subscribe(comment: Comment, choice: str) -> None:
    """Subscribe the author of a new comment as they chose; no emails are sent to an unconfirmed address."""
    if choice in (Notify.REPLIES, Notify.PAGE) and comment.author.email and comment.status != Status.SPAM:
        Subscription.keep(comment, everything=choice == Notify.PAGE)


def announce(decision: Decision) -> None:
    """Queue telling the subscribers, due after the undo window, if this decision publishes a comment."""
    comment = decision.comment
    if decision.to_status != Status.APPROVED or not current_app.config["MAIL_URL"]:
        return
    if decision.from_status != Status.APPROVED and Subscription.is_any_on(comment.thread_id):
        due = now() + outbox.undo_window()
        outbox.add(KIND, comment=comment, once=f"{KIND} {comment.id}", due_at=due)


def spread(delivery: Delivery) -> str:
    """Queue the emails about one comment: a batch of subscribers in each turn. The payload has the last one's id."""
    comment = db.session.get(Comment, delivery.comment_id)
    if comment is None or not comment.is_public:
        return "nothing to say"
    if not delivery.payload:
        if wait := _undoable_until(comment):
            return delivery.put_off(wait)
        if not Announcement.add(comment):
            return "nothing to say"
        delivery.payload = "0"
        return delivery.put_off(now())
    after = int(delivery.payload)
    followers = Subscription.followers(comment, after, BATCH)
    parent = None if after else Subscription.of_parent(comment)
    queue([*([parent] if parent else []), *followers], comment)
    if len(followers) < BATCH:
        return "done"
    delivery.payload = str(followers[-1].id)
    return delivery.put_off(now())


CARRIERS: dict[str, outbox.Carrier] = {KIND: spread}


def carriers() -> dict[str, outbox.Carrier]:
    return CARRIERS if current_app.config["MAIL_URL"] else {}


def catch_up(author: Author) -> None:
    """Queue emails about comments that were published before the author confirmed the address."""
    for each in Subscription.of_authors([author.id]):
        newest = Announcement.newest_in(each.thread_id)
        if newest and newest.id > each.told_id:
            queue([each], newest.comment)


def queue(subscriptions: list[Subscription], comment: Comment) -> None:
    """Queue an email for each subscription that has none waiting, due an hour after the last one at the earliest."""
    rows = [_row(each, comment) for each in {each.id: each for each in subscriptions}.values()]
    if not rows:
        return
    dialect = sqlite if db.engine.dialect.name == "sqlite" else postgresql
    # An email that waits includes this comment. The condition locks its row and writes nothing.
    new = dialect.insert(Delivery).on_conflict_do_update(
        index_elements=["once"],
        index_where=Delivery.done_at.is_(None),
        set_={"due_at": Delivery.due_at},
        where=false(),
    )
    db.session.connection().execute(new, rows)


def _row(subscription: Subscription, comment: Comment) -> dict[str, object]:
    author = subscription.author
    return {
        "kind": reply_email.KIND,
        "site_id": subscription.site_id,
        "once": f"{reply_email.KIND} {subscription.thread_id} {author.id}",
        "payload": json.dumps({"author": author.id, "comment": comment.id}),
        "recipient": outbox.recipient(author.email),
        "message_id": outbox.new_message_id(),
        "due_at": _due(subscription),
    }


def _due(subscription: Subscription) -> datetime:
    last = subscription.told_at
    return max(now(), min(last, now()) + reply_email.EVERY) if last else now()


def _undoable_until(comment: Comment) -> datetime | None:
    """The end of the undo window of the newest decision, if it is not over."""
    newest = Decision.newest_of(comment)
    until = newest.made_at + outbox.undo_window() if newest else now()
    return until if now() < until < now() + outbox.undo_window() + timedelta(minutes=1) else None
