"""Send Akismet checks and reports, and continue screening with the answers."""

import json
import logging
from dataclasses import asdict
from datetime import timedelta

from app.errors import NotSent
from app.extensions import db
from app.lib.clock import now
from app.lib.redact import scrubbed
from app.lib.secrets import is_unreadable
from app.models import Comment, Delivery, Site, Status
from app.moderation.findings import continue_screening
from app.notify.outbox import Carrier
from app.screening.akismet import CHECK, REPORT, Sender, sender_of
from app.screening.case import Finding, Verdict
from app.spam import akismet
from app.spam.akismet import CheckAnswer

log = logging.getLogger(__name__)

# Delay before checking a changed text.
SOON = timedelta(seconds=5)


def send_check(delivery: Delivery) -> str:
    """Send a check and continue screening. Raises NotSent: the comment stays held."""
    comment = _comment(delivery)
    if comment is None or not _has_key(comment.site):
        return "nothing to say"
    payload = json.loads(delivery.payload)
    body, key, fields = comment.body, comment.site.akismet_key, _fields(comment) | payload
    db.session.commit()
    try:
        answer = akismet.check_comment(key, fields)
    except NotSent as trouble:
        _note_trouble(comment, str(trouble))
        raise
    comment.lock()
    if comment.body != body:
        # The answer is about an earlier text.
        return delivery.put_off(now() + SOON)
    if answer.recheck_after:
        return delivery.put_off(now() + answer.recheck_after)
    _apply(comment, answer)
    delivery.payload = json.dumps(asdict(_sender(payload).redacted(comment)))
    return "spam" if answer.spam else "ham"


def send_report(delivery: Delivery) -> str:
    """Send a report. Raises NotSent."""
    comment = _comment(delivery)
    if comment is None or not _has_key(comment.site):
        return "nothing to say"
    key, fields = comment.site.akismet_key, _fields(comment) | asdict(sender_of(comment))
    db.session.commit()
    akismet.report(key, delivery.payload, fields)
    return "sent"


CARRIERS: dict[str, Carrier] = {CHECK: send_check, REPORT: send_report}


def _comment(delivery: Delivery) -> Comment | None:
    comment = db.session.get(Comment, delivery.comment_id)
    return comment if comment and comment.status != Status.DELETED else None


def _has_key(site: Site) -> bool:
    """Raises NotSent for an undecryptable key, which another SECRET_KEY may decrypt."""
    if is_unreadable(site.akismet_key):
        raise NotSent("The Akismet key cannot be decrypted.", for_good=True)
    return bool(site.akismet_key)


def _sender(payload: dict[str, str]) -> Sender:
    return Sender(payload["user_ip"], payload["user_agent"], payload["referrer"])


def _fields(comment: Comment) -> dict[str, str]:
    site = comment.site
    return {
        "blog": site.akismet_address,
        "blog_lang": site.lang,
        "blog_charset": "UTF-8",
        "permalink": comment.thread.address,
        "comment_type": "reply" if comment.parent_id else "comment",
        "comment_author": comment.name,
        "comment_author_email": comment.author.email or "",
        "comment_author_url": comment.website,
        "comment_content": comment.body,
        "comment_date_gmt": f"{comment.created_at:%Y-%m-%dT%H:%M:%SZ}",
        "honeypot_field_name": "subject",
    }


def _apply(comment: Comment, answer: CheckAnswer) -> None:
    site, guid = comment.site, answer.guid
    doubted = site.note_answer(spam=answer.spam)
    _note_alert(site, answer.alert)
    if answer.spam and doubted:
        log.error("Akismet flags everything as spam and is ignored", extra={"site": site.key})
        continue_screening(comment, Finding(CHECK, Verdict.HOLD, {"said": "", "state": "doubted"}))
    elif answer.spam:
        state = "discard" if answer.discard else "spam"
        continue_screening(comment, Finding(CHECK, Verdict.SPAM, {"said": "spam", "state": state, "guid": guid}))
    else:
        continue_screening(comment, Finding(CHECK, Verdict.PASS, {"said": "ham", "state": "ham", "guid": guid}))


def _note_trouble(comment: Comment, trouble: str) -> None:
    log.warning("Akismet is not responding", extra={"site": comment.site.key, "trouble": scrubbed(trouble)})
    comment.lock()
    continue_screening(comment, Finding(CHECK, Verdict.HOLD, {"said": "", "state": "trouble"}))


def _note_alert(site: Site, alert: str) -> None:
    if alert and alert != site.akismet_alert:
        log.error("Akismet warns about the key", extra={"site": site.key, "alert": alert})
    site.akismet_alert = alert
