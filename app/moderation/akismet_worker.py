"""What the worker does with Akismet's questions and reports, and what its answers mean for a comment."""

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
from app.screening.akismet import ASKED, TOLD, Sender, sender_of
from app.screening.case import Finding, Verdict
from app.spam import akismet
from app.spam.akismet import Opinion

log = logging.getLogger(__name__)

# Until it has been asked again, where it wanted time.
SOON = timedelta(seconds=5)


def ask(delivery: Delivery) -> str:
    """Carry a question, and let screening go on from the answer. Raises NotSent: then the comment waits on."""
    comment = _comment(delivery)
    if comment is None or not _has_key(comment.site):
        return "nothing to say"
    asked = json.loads(delivery.payload)
    body, key, fields = comment.body, comment.site.akismet_key, _fields(comment) | asked
    db.session.commit()
    try:
        opinion = akismet.ask(key, fields)
    except NotSent as trouble:
        _note_trouble(comment, str(trouble))
        raise
    comment.lock()
    if comment.body != body:
        # It was about words that are gone.
        return delivery.put_off(now() + SOON)
    if opinion.again_after:
        return delivery.put_off(now() + opinion.again_after)
    _take(comment, opinion)
    delivery.payload = json.dumps(asdict(_sender(asked).kept(comment)))
    return "spam" if opinion.spam else "ham"


def tell(delivery: Delivery) -> str:
    """Carry a report. Raises NotSent."""
    comment = _comment(delivery)
    if comment is None or not _has_key(comment.site):
        return "nothing to say"
    key, fields = comment.site.akismet_key, _fields(comment) | asdict(sender_of(comment))
    db.session.commit()
    akismet.report(key, delivery.payload, fields)
    return "sent"


CARRIERS: dict[str, Carrier] = {ASKED: ask, TOLD: tell}


def _comment(delivery: Delivery) -> Comment | None:
    comment = db.session.get(Comment, delivery.comment_id)
    return comment if comment and comment.status != Status.DELETED else None


def _has_key(site: Site) -> bool:
    """Raises NotSent for a key that cannot be read: it may be readable again once SECRET_KEY is."""
    if is_unreadable(site.akismet_key):
        raise NotSent("The Akismet key cannot be decrypted.", for_good=True)
    return bool(site.akismet_key)


def _sender(asked: dict[str, str]) -> Sender:
    return Sender(asked["user_ip"], asked["user_agent"], asked["referrer"])


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


def _take(comment: Comment, opinion: Opinion) -> None:
    site, guid = comment.site, opinion.guid
    doubted = site.note_answer(spam=opinion.spam)
    _note_alert(site, opinion.alert)
    if opinion.spam and doubted:
        log.error("Akismet calls everything spam and is not believed", extra={"site": site.key})
        continue_screening(comment, Finding(ASKED, Verdict.HOLD, {"said": "", "state": "doubted"}))
    elif opinion.spam:
        state = "discard" if opinion.discard else "spam"
        continue_screening(comment, Finding(ASKED, Verdict.SPAM, {"said": "spam", "state": state, "guid": guid}))
    else:
        continue_screening(comment, Finding(ASKED, Verdict.PASS, {"said": "ham", "state": "ham", "guid": guid}))


def _note_trouble(comment: Comment, trouble: str) -> None:
    log.warning("Akismet is not responding", extra={"site": comment.site.key, "trouble": scrubbed(trouble)})
    comment.lock()
    continue_screening(comment, Finding(ASKED, Verdict.HOLD, {"said": "", "state": "trouble"}))


def _note_alert(site: Site, alert: str) -> None:
    if alert and alert != site.akismet_alert:
        log.error("Akismet says that something is wrong with the key", extra={"site": site.key, "alert": alert})
    site.akismet_alert = alert
