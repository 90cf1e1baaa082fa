"""Which emails the senders of legal notices get: a receipt, and the decision with its reasons."""

import json
from datetime import timedelta

from flask import current_app

from app.lib.clock import now
from app.models import Delivery, Notice
from app.notify import outbox
from app.notify.notice_email import DECISION, RECEIPT

# Receipts to one address from all sites: strangers may type it.
MAX_RECEIPTS_A_DAY = 3


def send_receipt(notice: Notice) -> None:
    """Queue the receipt, with the link by which the owner of the address confirms the notice."""
    if not may_email(notice):
        return
    to = outbox.recipient(notice.email)
    if Delivery.count_to(to, now() - timedelta(days=1), RECEIPT) < MAX_RECEIPTS_A_DAY:
        _add(RECEIPT, notice, once=f"receipt {notice.id}")


def send_decision(notice: Notice) -> None:
    """Queue the decision, due after the undo window."""
    if may_email(notice):
        _add(DECISION, notice, once=f"decision {notice.id} {notice.version}", wait=outbox.undo_window())


def correct(notice: Notice) -> None:
    """Tell the notifier of a reopened case; nothing is sent unless a decision was."""
    send_decision(notice)


def may_email(notice: Notice) -> bool:
    return bool(current_app.config["MAIL_URL"] and notice.email)


def _add(kind: str, notice: Notice, *, once: str, wait: timedelta = timedelta()) -> None:
    payload = json.dumps({"notice": notice.id, "version": notice.version})
    to = outbox.recipient(notice.email)
    outbox.add(kind, comment=notice.comment, once=once, payload=payload, recipient=to, due_at=now() + wait)
