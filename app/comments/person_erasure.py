"""Erase a person's data in every status and table, and report remnants."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import delete, select, update

from app.comments import told_programs
from app.comments.person import Person, deleted_author_name
from app.database import among, snapshot
from app.extensions import db
from app.lib import address_forms
from app.models import (
    Actor,
    Author,
    ChainEntry,
    CheckerAnswer,
    Comment,
    Decision,
    Delivery,
    Moderator,
    Note,
    Notice,
    NoticeEvent,
    Party,
    RejectionModel,
    Revision,
    Status,
    Subject,
    Subscription,
    Unsubscribe,
    WebhookDelivery,
    audit,
)
from app.moderation import legal_hold
from app.moderation.decide import decide
from app.notify import events
from app.operations import vacuum
from app.screening import akismet, checkers, rules
from app.search import index
from app.spam import learning

log = logging.getLogger(__name__)

BATCH = 100  # comments in a transaction, so others wait for milliseconds
REDACTED = "…"
MAX_IDS = 5  # ids reported for each column that still holds the person
MAX_NAMES = 1000  # values of a table that are searched for names
# N-grams of the spellings of @ (`address_forms.AT_SIGNS`).
AT_NGRAMS = ("@", "%40", "&#", "&co", ";#", ";co")
# A queued email is useless without its address; other rows only lose the address.
DELETED_ROWS = ("delivery",)
# Its copies stay until they are released.
HELD = "legal_hold"
# `flask moderator remove` removes an account. Page URLs and site names cannot lose a part.
NEVER_CHANGED = ("moderator", "site", "thread", "thread_alias", HELD)

# A test fails for a table without an entry.
TABLES = {
    "author": "emptied; the row stays, so that its id is never reused",
    "comment": "name, website, network and hashes are erased; the text stays or goes as requested",
    "revision": "earlier texts are deleted",
    "decision": "stays; notes lose the address, and the names where they are about the person's comments",
    "rule": "rules about the address or the author end and lose the address",
    "note": "notes on the person's comments are deleted; others lose the address",
    "unsubscribe": "the unsubscribe is deleted with the address",
    "subscription": "the person's are deleted",
    "announcement": "no personal data",
    "audit_event": "a row that contains the address is erased; its digests stay",
    **dict.fromkeys(("chain_head", "chain_day", "asked_opinion", "second_opinion"), "no personal data"),
    "chain_entry": "the salts of the decisions on the person's comments are deleted; their digests stay",
    "checker": "no personal data",
    "checker_answer": "reasons, which may quote the comment, are deleted",
    "thread_alias": "no personal data",
    "thread_change": "a reason loses the address",
    **dict.fromkeys(("lease", "snooze"), "no personal data"),
    "handover": "a text loses the address",
    "report": "a note loses the address; the reporter is stored as a keyed hash only",
    "pick": "no personal data",
    "notice": "the sender's name and address are erased; other texts lose the address",
    "legal_hold": "the copy stays until the hold ends, readable by administrators; it is reported",
    "notice_event": "answers of the comment's author are erased; other texts lose the address",
    "vote": "a keyed hash of a network only, deleted after some days",
    "delivery": "emails that contain the address are deleted",
    "webhook": "a name and an address of another program; no personal data of readers",
    "webhook_delivery": "has ids only; what receivers answered about the person's comments is deleted",
    "thread": "its version increases, so that caches drop the old page",
    "site": "no personal data",
    "wording": "no personal data",
    "moderator": "the account stays and is reported",
    "membership": "no personal data",
    "invitation": "an invited address is kept until the answer, for seven days at most",
    "login": "no personal data of readers; a moderator's shortened network until the log-in ends",
    "api_token": "no personal data",
    "api_answer": "what a program was told about the person or their comments is deleted",
    "member_key": "no personal data",
    **dict.fromkeys(("published_list", "list_subscription", "list_line"), "words and domains, never about people"),
    "password_reset": "no personal data",
    "email_change": "an address that a moderator changes to, kept for a day at most",
    "pending_login": "no personal data",
    "identity": "a moderator's id at the identity provider; goes with the account",
    "passkey": "the public half of a moderator's key and its name; goes with the account",
    "authenticator_app": "a moderator's secret, encrypted; goes with the account",
    "recovery_code": "hashes of random codes",
    "rate_limit": "keyed hashes, kept for some days at most",
    "spam_model": "counts of hashed words; those of an emptied comment are subtracted",
    "rejection_model": "counts of hashed words, trained again from the remaining comments",
    "training_example": "hashed words of one decision, until they are counted",
    "job": "the names of the source's staff, for some months; its file is deleted after some days",
    **dict.fromkeys(("heartbeat", "turn"), "no personal data"),
    "setup_link": "no personal data",
    **dict.fromkeys(("site_counter", "counter_mark", "key_print"), "no personal data"),
    "search_segment": "no personal data",
    "segment_page": "comment ids by hashed n-grams; rebuilt from the remaining text",
    "dirty_comment": "no personal data",
}


@dataclass
class Receipt:
    """Counts of erased data; logged, so without personal data."""

    authors: int = 0
    comments: int = 0
    texts: int = 0
    revisions: int = 0
    notes: int = 0
    rules: int = 0
    subscriptions: int = 0
    notices: int = 0
    # Comments whose data a legal hold keeps.
    holds: int = 0
    emails: int = 0
    mentions: int = 0
    sites: list[str] = field(default_factory=list)


def erase(person: Person, receipt: Receipt, *, remove_text: bool, by: Moderator | None = None) -> Iterator[None]:
    """Erase a person and count it in `receipt`; yields after each step, and the caller commits.

    Authors are emptied last, so an interrupted run can be repeated. `by` is the moderator of the decisions that delete
    texts.
    """
    receipt.sites = sorted({author.site.key for author in person.authors})
    names, ids = person.names, [author.id for author in person.authors]
    last = 0
    while batch := person.comments(after=last, limit=BATCH):
        receipt.holds += legal_hold.absorb([comment.id for comment in batch])
        for comment in batch:
            _erase_comment(comment, names, receipt, remove_text=remove_text, by=by)
        for thread in {comment.thread for comment in batch}:
            thread.changed()
        RejectionModel.outdate({comment.site_id for comment in batch})
        last = batch[-1].id
        yield
    told_programs.forget(person.authors, list(filter(is_searchable, names)))
    yield
    for rule in person.rules():
        rules.end(rule, by=by)
        if rule.subject == Subject.EMAIL:
            rule.value = rule.value_index = ""
        receipt.rules += 1
    legal_hold.absorb({notice.comment_id for notice in person.notices()})
    for notice in person.notices():
        notice.name = notice.email = ""
        receipt.notices += 1
    for author in db.session.scalars(select(Author).where(Author.id.in_(among(ids)))):
        if index := author.address_index:
            Unsubscribe.remove(author.site, index)
        receipt.subscriptions += Subscription.forget([author.id])
        author.erase()
        receipt.authors += 1
    ChainEntry.forget_salts(ids)
    yield
    _erase_mentions(person, receipt, by)
    _record(person, receipt, remove_text=remove_text, by=by)
    log.info("person erased", extra={**vars(receipt), "sites": " ".join(receipt.sites)})
    yield


def _record(person: Person, receipt: Receipt, *, remove_text: bool, by: Moderator | None) -> None:
    """Without the person: what they were called is what had to go."""
    sites = {author.site_id: author.site for author in person.authors}
    counts: dict[str, Any] = {"comments": receipt.comments, "authors": receipt.authors, "removed_text": remove_text}
    for site in sites.values() or (None,):
        audit.record(audit.Event.PERSON_ERASED, by=by or audit.Who.OPERATOR, site=site, **counts)


def _erase_comment(
    comment: Comment, names: list[str], receipt: Receipt, *, remove_text: bool, by: Moderator | None
) -> None:
    receipt.comments += 1
    comment.lock()
    comment.notify = comment.notify_replies = False
    receipt.notes += _count(delete(Note).where(Note.comment_id == comment.id))
    receipt.revisions += _count(delete(Revision).where(Revision.comment_id == comment.id))
    # Queued Akismet requests contain the full address.
    _count(
        delete(Delivery).where(Delivery.comment_id == comment.id, Delivery.kind.in_((akismet.CHECK, akismet.REPORT)))
    )
    _redact_notes(comment, names)
    CheckerAnswer.forget_reasons([comment.id])
    comment.reasons = checkers.without_quotes(comment.reasons)
    if remove_text and not comment.emptied_at:
        receipt.texts += 1
        if comment.status != Status.DELETED:
            actor = None if by else Actor.SYSTEM
            decide(comment, Status.DELETED, seen=comment.version, by=by, actor=actor, reason="erased")
        comment.empty()
    with learning.relearning(comment):
        comment.anonymise(deleted_author_name(comment.site))
        comment.features = None
    comment.forget_where_from()
    WebhookDelivery.forget_answers([comment.id])
    if not comment.emptied_at:
        events.edited(comment, "erased")


def _redact_notes(comment: Comment, names: list[str]) -> None:
    """Delete the author's notes; remove the author's names from moderators' notes."""
    comment.reasons = [reason for reason in comment.reasons if reason["check"] != "appeal"]
    about = NoticeEvent.notice_id.in_(select(Notice.id).where(Notice.comment_id == comment.id))
    _count(update(NoticeEvent).where(about, NoticeEvent.actor == Party.AUTHOR).values(text=""))
    for decision in db.session.scalars(select(Decision).where(Decision.comment_id == comment.id, Decision.note != "")):
        if decision.actor == Actor.AUTHOR:
            decision.note = ""
        for name in filter(is_searchable, names):
            decision.note = decision.note.replace(name, REDACTED)


def is_searchable(name: str) -> bool:
    """False for names of one or two characters, which most texts contain."""
    return len(name) > (2 if name.isascii() else 1)


def _erase_mentions(person: Person, receipt: Receipt, by: Moderator | None) -> None:
    """Erase the address in other people's texts. The search is read-only and blocks no writer."""
    with snapshot():
        found = vacuum.occurrences(person.email, (), person.site_ids, comments=_with_an_address())
        places = [place for _email, place in found if place.table.name not in NEVER_CHANGED]
    for place in places:
        row = [key == value for key, value in zip(place.table.primary_key.columns, place.id, strict=True)]
        if place.table.name in DELETED_ROWS:
            receipt.emails += _count(delete(place.table).where(*row))
            continue
        if place.table.name == "audit_event":
            receipt.mentions += audit.erase(place.id, because="person", by=by or audit.Who.OPERATOR)
            continue
        without = _without(place.value, person.email)
        receipt.mentions += _count(update(place.table).where(*row).values({place.column.name: without}))
        if place.table.name == "comment":
            db.session.get_one(Comment, place.id[0]).thread.changed()


def _without(value: Any, email: str) -> Any:
    if isinstance(value, dict):
        return {_without(key, email): _without(each, email) for key, each in value.items()}
    if isinstance(value, list):
        return [_without(each, email) for each in value]
    return address_forms.without(value, email, REDACTED) if isinstance(value, str) else value


def _count(statement: Any) -> int:
    return int(db.session.execute(statement).rowcount)  # type: ignore[attr-defined]


def remnants(person: Person, names: list[str]) -> list[dict[str, Any]]:
    """Where the address or a name still occurs, in other people's texts or a moderator's account.

    {"what": "email" or "name", "table", "column", "rows", "ids", "more"} for each column; `more` if MAX_NAMES was
    reached.
    """
    names = list(filter(is_searchable, names))
    named = chain.from_iterable(index.options_of_name(name) for name in names)
    sites, naming = person.site_ids, index.all_candidates(list(named))
    found = chain(
        vacuum.occurrences(person.email, (), sites, comments=_with_an_address()),
        vacuum.occurrences("", names, sites, comments=naming, most=MAX_NAMES) if names else (),
    )
    ids: dict[tuple[str, str, str], list[str]] = {}
    of_table: Counter[str] = Counter()
    for needle, place in found:
        what = "email" if needle == person.email else "name"
        ids.setdefault((what, place.table.name, place.column.name), []).append("/".join(map(str, place.id)))
        of_table[place.table.name] += what == "name"
    return [
        {"what": what, "table": table, "column": column, "rows": len(rows), "ids": rows[:MAX_IDS]}
        | {"more": what == "name" and of_table[table] >= MAX_NAMES}
        for (what, table, column), rows in ids.items()
    ]


def _with_an_address() -> Iterator[int]:
    return index.all_candidates(index.options_of(*AT_NGRAMS))
