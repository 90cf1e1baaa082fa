"""What is known of one person, given to her or forgotten: found by her e-mail address, in every status and table."""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import delete, select, update
from sqlalchemy.orm import joinedload

from app.database import snapshot
from app.extensions import db
from app.lib import address_forms
from app.lib.language import speaking
from app.models import (
    Actor,
    Author,
    Comment,
    Decision,
    Delivery,
    Moderator,
    Note,
    Revision,
    Rule,
    Silence,
    Site,
    Status,
    Subject,
)
from app.moderation.decide import decide
from app.operations import vacuum
from app.screening import akismet, rules
from app.search import index
from app.spam import learning

log = logging.getLogger(__name__)

BATCH = 100  # comments in one transaction: whoever writes meanwhile hardly notices
GONE = "…"
SHOWN = 5  # ids of rows in which she still stands
MANY = 1000  # values with her name that are counted in a table
# What the search index has of each way to write an @ (`address_forms.AT_SIGNS`).
AT_PIECES = ("@", "%40", "&#", "&co", ";#", ";co")
# A letter to her is worth nothing without her address; other rows only lose it.
DROPPED_ROWS = ("delivery",)
# An account is not what a reader left behind, and its owner may use it: `flask moderator remove`. The address of a
# page, or what a site is called, cannot lose a part.
UNTOUCHED = ("moderator", "site", "thread", "thread_alias")

# What happens to each table; a test asks for an answer for each new one.
WHAT_HAPPENS = {
    "author": "emptied; the row stays, so that its id never becomes somebody else's",
    "comment": "name, site, network and marks go; the text stays or goes as asked",
    "revision": "earlier texts go",
    "decision": "stays; a note loses her address, and her names where it is about her comment",
    "rule": "rules about her address or about her as an author end, and lose the address",
    "note": "what moderators noted about her comments goes; others lose her address",
    "silence": "her wish for no more letters is forgotten with the address",
    "thread_alias": "holds nobody",
    "lease": "holds nobody",
    "deferral": "holds nobody",
    "report": "a note loses her address; who reported is only known as a keyed hash",
    "delivery": "letters that hold her address go",
    "thread": "its version grows, so that no cache shows the old one",
    "site": "holds nobody",
    "moderator": "an account of hers stays, and is told of",
    "membership": "holds nobody",
    "invitation": "an invited address stays for seven days at most, and only until it is answered",
    "login": "holds nobody",
    "login_attempt": "keyed hashes, for two days",
    "rate_limit": "keyed hashes, for some days at most",
    "knowledge": "counts of hashed words; those of a comment that is emptied are taken back",
    "lesson": "hashed words of one decision, until they are counted",
    "heartbeat": "holds nobody",
    "tally": "no personal data",
    "tallied": "no personal data",
    "key_print": "no personal data",
    "shelf": "holds nobody",
    "shelf_page": "numbers of comments by hashed pieces of text; made anew of what is left",
    "unshelved": "holds nobody",
}


@dataclass
class Person:
    """Everybody who gave one e-mail address on these sites.

    The address is all that can be asked for. Whoever typed the same one, with whatever token, counts as the
    same person: when in doubt, more is forgotten rather than less.
    """

    email: str
    authors: list[Author]
    # None: wherever she wrote.
    site_ids: list[int] | None = None

    @property
    def names(self) -> list[str]:
        """All names under which she wrote, longest first."""
        rows = db.session.scalars(select(Comment.name).where(self._hers).distinct())
        found = {*rows, *(author.name for author in self.authors)} - {"", *_nobodies(self.authors)}
        return sorted(found, key=lambda name: (-len(name), name))

    @property
    def _hers(self) -> Any:
        return Comment.author_id.in_([author.id for author in self.authors])

    def comments(self, after: int = 0, limit: int | None = None) -> list[Comment]:
        query = (
            select(Comment).where(self._hers, Comment.id > after).options(joinedload(Comment.thread, innerjoin=True))
        )
        return list(db.session.scalars(query.order_by(Comment.id).limit(limit)))

    def count(self) -> Counter[str]:
        """Her comments by status."""
        return sum(
            (Counter(each) for each in Comment.records([author.id for author in self.authors]).values()), Counter()
        )

    def rules(self) -> list[Rule]:
        """Those about her address, and those about her as an author."""
        query = select(Rule).where(Rule.subject.in_((Subject.AUTHOR, Subject.EMAIL)))
        if self.site_ids is not None:
            query = query.where(Rule.site_id.in_(self.site_ids))
        return [rule for rule in db.session.scalars(query) if self._is_about_her(rule)]

    def _is_about_her(self, rule: Rule) -> bool:
        if rule.subject == Subject.EMAIL:
            return address_forms.holds(rule.value, self.email)
        return (rule.site_id, rule.value) in {(author.site_id, str(author.id)) for author in self.authors}


def find(email: str, site: Site | None = None) -> Person:
    """Whoever gave this address on one site, or on any."""
    sites = [site] if site else Site.all()
    return Person(email.strip(), Author.with_email(sites, email), [site.id] if site else None)


def all_about(person: Person) -> dict[str, Any]:
    """Everything that is kept of her, as JSON data; other people are not named in it.

    The comments are an iterator that reads a batch at a time; between two of them the caller may empty the session.
    """
    return {
        "email": person.email,
        "authors": [
            {
                "site": author.site.key,
                "name": author.name,
                "email": author.email,
                "website": author.website,
                "since": author.created_at.isoformat(),
            }
            for author in person.authors
        ],
        "rules": [
            {"about": rule.subject, "effect": rule.effect, "reason": rule.reason, "since": rule.made_at.isoformat()}
            for rule in person.rules()
        ],
        "is_moderator": Moderator.with_email(person.email) is not None,
        "comments": _told(person),
    }


def _told(person: Person) -> Iterator[dict[str, Any]]:
    last = 0
    while batch := person.comments(after=last, limit=BATCH):
        last = batch[-1].id
        yield from _all_of(batch)


def _all_of(comments: list[Comment]) -> list[dict[str, Any]]:
    ids = [comment.id for comment in comments]
    revisions, decisions, notes = Revision.of(ids), _decisions(ids), Note.of(ids)
    return [
        _shown(comment)
        | {
            "earlier_texts": [
                {"text": each.body, "until": each.replaced_at.isoformat()} for each in revisions[comment.id]
            ],
            "decisions": decisions.get(comment.id, []),
            "notes": [note.text for note in notes.get(comment.id, ())],
        }
        for comment in comments
    ]


def _shown(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "site": comment.site.key,
        "page": comment.thread.address,
        "status": comment.status,
        "name": comment.name,
        "website": comment.website,
        "text": comment.body,
        "written": comment.created_at.isoformat(),
        "edited": comment.edited_at.isoformat() if comment.edited_at else None,
        "network": comment.address,
        "in_answer_to": comment.parent_id,
        "noticed": comment.reasons,
        "score": comment.score,
    }


def _decisions(ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in db.session.scalars(select(Decision).where(Decision.comment_id.in_(ids)).order_by(Decision.id)):
        shown = {"status": row.to_status, "by": row.actor, "reason": row.reason, "when": row.made_at.isoformat()}
        found.setdefault(row.comment_id, []).append(shown)
    return found


# Forgetting


@dataclass
class Receipt:
    """What was forgotten, in numbers: it goes into the log, so it holds nothing of her."""

    authors: int = 0
    comments: int = 0
    texts: int = 0
    revisions: int = 0
    notes: int = 0
    rules: int = 0
    letters: int = 0
    mentions: int = 0
    sites: list[str] = field(default_factory=list)


def forget(person: Person, receipt: Receipt, *, remove_text: bool, by: Moderator | None = None) -> Iterator[None]:
    """Forget her, and count it on `receipt`. Yields after each step, which the caller commits.

    Her authors are emptied last: a run that is cut short finds her again. Decisions that take a text away are
    by the moderator `by`, or by the system.
    """
    receipt.sites = sorted({author.site.key for author in person.authors})
    names, ids = person.names, [author.id for author in person.authors]
    last = 0
    while batch := person.comments(after=last, limit=BATCH):
        for comment in batch:
            _forget_comment(comment, names, receipt, remove_text=remove_text, by=by)
        _change_threads(batch)
        last = batch[-1].id
        yield
    for rule in person.rules():
        rules.end(rule)
        if rule.subject == Subject.EMAIL:
            rule.value = rule.value_index = ""
        receipt.rules += 1
    for author in db.session.scalars(select(Author).where(Author.id.in_(ids))):
        if index := author.address_index:
            Silence.lift(author.site, index)
        author.erase()
        receipt.authors += 1
    yield
    _forget_mentions(person, receipt)
    log.info("person erased", extra={**vars(receipt), "sites": " ".join(receipt.sites)})
    yield


def _forget_comment(
    comment: Comment, names: list[str], receipt: Receipt, *, remove_text: bool, by: Moderator | None
) -> None:
    receipt.comments += 1
    comment.notify = False
    receipt.notes += _count(delete(Note).where(Note.comment_id == comment.id))
    receipt.revisions += _count(delete(Revision).where(Revision.comment_id == comment.id))
    # What Akismet was told of her request: her whole address stands there.
    _count(delete(Delivery).where(Delivery.comment_id == comment.id, Delivery.kind.in_((akismet.ASKED, akismet.TOLD))))
    _forget_notes(comment, names)
    if remove_text and not comment.emptied_at:
        receipt.texts += 1
        if comment.status != Status.DELETED:
            actor = None if by else Actor.SYSTEM
            decide(comment, Status.DELETED, seen=comment.version, by=by, actor=actor, reason="erased")
        comment.empty()
    with learning.relearning(comment):
        comment.name, comment.website, comment.facts = _nobody(comment.site), "", None
    comment.forget_where_from()


def _forget_notes(comment: Comment, names: list[str]) -> None:
    """What she wrote to the moderators goes; what they wrote loses her names."""
    comment.reasons = [reason for reason in comment.reasons if reason["check"] != "appeal"]
    for decision in db.session.scalars(select(Decision).where(Decision.comment_id == comment.id, Decision.note != "")):
        if decision.actor == Actor.AUTHOR:
            decision.note = ""
        for name in filter(tells, names):
            decision.note = decision.note.replace(name, GONE)


def tells(name: str) -> bool:
    """A name of a letter or two is in half of all words."""
    return len(name) > (2 if name.isascii() else 1)


def _change_threads(comments: list[Comment]) -> None:
    for thread in {comment.thread for comment in comments}:
        thread.changed()


def _forget_mentions(person: Person, receipt: Receipt) -> None:
    """Her address, wherever else somebody wrote it. Nobody waits while we look."""
    with snapshot():
        found = vacuum.holding(person.email, (), person.site_ids, comments=_with_an_address())
        places = [place for _email, place in found if place.table.name not in UNTOUCHED]
    for place in places:
        row = [key == value for key, value in zip(place.table.primary_key.columns, place.id, strict=True)]
        if place.table.name in DROPPED_ROWS:
            receipt.letters += _count(delete(place.table).where(*row))
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
    return address_forms.without(value, email, GONE) if isinstance(value, str) else value


def _count(statement: Any) -> int:
    return int(db.session.execute(statement).rowcount)  # type: ignore[attr-defined]


def _nobody(site: Site) -> str:
    """What stands where her name stood, in the language of the site's readers."""
    with speaking(site.lang):
        return str(_("Deleted author"))


def _nobodies(authors: list[Author]) -> set[str]:
    return {_nobody(author.site) for author in authors}


# What is left


def remnants(person: Person, names: list[str]) -> list[dict[str, Any]]:
    """Where her address or a name of hers still stands, with some ids: other people's words, or her own account.

    {"what": "email" or "name", "table", "column", "rows", "ids", "more"} for each column. Of names `MANY` values of a
    table are counted, and `more` says that there may be others.
    """
    names = list(filter(tells, names))
    named = chain.from_iterable(index.options_of_name(name) for name in names)
    sites, naming = person.site_ids, index.all_that_may_have(list(named))
    found = chain(
        vacuum.holding(person.email, (), sites, comments=_with_an_address()),
        vacuum.holding("", names, sites, comments=naming, most=MANY) if names else (),
    )
    ids: dict[tuple[str, str, str], list[str]] = {}
    of_table: Counter[str] = Counter()
    for needle, place in found:
        what = "email" if needle == person.email else "name"
        ids.setdefault((what, place.table.name, place.column.name), []).append("/".join(map(str, place.id)))
        of_table[place.table.name] += what == "name"
    return [
        {"what": what, "table": table, "column": column, "rows": len(rows), "ids": rows[:SHOWN]}
        | {"more": what == "name" and of_table[table] >= MANY}
        for (what, table, column), rows in ids.items()
    ]


def _with_an_address() -> Iterator[int]:
    """Comments whose text or name may hold any email address."""
    return index.all_that_may_have(index.options_of(*AT_PIECES))
