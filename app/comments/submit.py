"""A reader says something: screened, admitted, kept, decided; once, however often it arrives."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_babel import gettext as _

from app.comments import admission, tokens
from app.comments.admission import Admission
from app.errors import Refused
from app.extensions import db
from app.lib import markup, near_duplicates
from app.lib.clock import now
from app.lib.secrets import Index, blind_index, candidates
from app.lib.text import fold
from app.models import Author, Comment, KeptAlready, Site, Status, Thread, arrivals
from app.models.held import made
from app.moderation.findings import conclude
from app.notify import authors
from app.screening.akismet import Sender
from app.screening.case import Case, Finding
from app.screening.run import look, nothing_written

FOLDED = 2_000  # characters


@dataclass(frozen=True)
class Draft:
    """What a reader sent, cleaned by the form, and what the door knows of the request."""

    body: str
    name: str
    email: str
    website: str
    parent_id: int | None
    author_token: str = ""
    # The key of the page, as the request names it, and the client's name for the request (Idempotency-Key).
    page: str = ""
    request_key: str = ""
    # What the request says of the page: url, title, published.
    claimed: Mapping[str, str] = field(default_factory=dict)
    # The whole address finds doubles and is not kept; the network is kept, encrypted, for moderators.
    address: str = ""
    network: str = ""
    sender: admission.Sender = field(default_factory=admission.Sender)
    # The blind index of the browser's kind.
    traits: str = ""
    trapped: bool = False
    seconds: float | None = None
    stamp: str = ""
    notify: bool = False
    user_agent: str = ""
    referrer: str = ""
    # Rendered by the door, before it asks for the database's lock.
    html: str = ""
    lang: str = ""


@dataclass(frozen=True)
class Submitted:
    """`again`: it was here already. `recognised`: whoever asks has shown that it is hers."""

    comment: Comment
    again: bool
    recognised: bool


@dataclass(frozen=True)
class Marks:
    """By what the same post is noticed again: what was said where, by whom, and both on one day."""

    words: Index
    person: Index
    today: Index


@dataclass(frozen=True)
class Considered:
    """A comment that is not kept yet, and all that is known of it."""

    case: Case
    findings: list[Finding]
    known: Author | None
    admission: Admission
    traits: str | None
    claimed: Mapping[str, str] = field(default_factory=dict)


def consider(site: Site, draft: Draft) -> Considered:
    """Look at a comment from all sides. Nothing is written, and so nobody waits for it: SQLite has one lock."""
    known = tokens.author_of(site, draft.author_token)
    admitted = admission.look(site, draft.sender, known, draft.email)
    comment = _comment(site, draft, known)
    case = Case(
        site,
        comment,
        proven=known is not None,
        trapped=draft.trapped,
        seconds=draft.seconds,
        stamp=draft.stamp or ("worn" if admitted.worn else ""),
        changed=known.changes(comment.author, draft.sender.network, draft.traits) if known else (),
        sender=Sender(draft.address, draft.user_agent, draft.referrer),
    )
    # What does not come in is not looked at: that costs more than all the rest.
    refused = admitted.refused or (admitted.crowded and draft.sender.prove is None)
    findings = [] if refused else look(case, apart=nothing_written)
    return Considered(case, findings, known, admitted, draft.traits or None, draft.claimed)


def submit(thread: Thread, draft: Draft, considered: Considered | None = None) -> Submitted:
    """Keep a comment and decide about it, in the caller's transaction.

    The same post again (by its request key, or the same person saying the same thing on the same page
    within a day) stores nothing and gives the first one. Raises Refused: thread_closed (403),
    parent_missing (422), flood (429), key_reused (422) for a request key with other content.
    """
    considered = considered or consider(thread.site, draft)
    marks = _marks(thread, draft)
    try:
        parent = _answered(thread, draft, considered)
        comment = _keep(thread, parent, considered, marks)
    except (KeptAlready, Refused):
        # A retry gets the first answer, even if the page has closed since.
        if there := _there(thread.site, draft, considered.known, marks):
            return there
        raise
    authors.ask_to_confirm(comment)
    return Submitted(comment, again=False, recognised=True)


def _answered(thread: Thread, draft: Draft, considered: Considered) -> Comment | None:
    """The comment that this one answers, if any, where there may be a new one."""
    if not thread.accepts_comments():
        raise Refused("thread_closed", _("Comments are closed."), status=403)
    parent = _parent(thread, draft)
    if considered.admission.refused:
        raise considered.admission.refused
    if considered.admission.crowded:
        admission.pass_crowd(thread.site, draft.sender)
    return parent


def _there(site: Site, draft: Draft, known: Author | None, marks: Marks) -> Submitted | None:
    earlier = arrivals.earlier(site, _request_key(draft), marks.words, marks.person, known)
    if earlier.sent:
        return _sent_before(db.session.get_one(Comment, earlier.sent), draft, known, marks)
    if earlier.said:
        found = db.session.get_one(Comment, earlier.said)
        # Somebody may have guessed all of it: no token for what was not proven.
        return Submitted(found, again=True, recognised=known is not None and found.author_id == known.id)
    return None


def _sent_before(found: Comment, draft: Draft, known: Author | None, marks: Marks) -> Submitted:
    """The answer to a request key that was used: it shows who sends it as little as a guess would."""
    # Without a digest it was stored by an earlier version.
    same = _digest(draft) if found.request_digest else marks.words
    if (found.request_digest or found.fingerprint) not in candidates([same]):
        raise Refused("key_reused", _("This request was already sent with different content. Please send it again."))
    same_person = found.author_id == known.id if known else found.typed_by in marks.person.all
    return Submitted(found, again=True, recognised=same_person)


def _digest(draft: Draft) -> Index | None:
    """The blind index of all that a client chooses about a comment; None without a request key."""
    if not draft.request_key:
        return None
    chosen = (draft.page, draft.parent_id, draft.body, draft.name, draft.email, draft.website, draft.notify)
    return blind_index("request content", json.dumps(chosen))


def _marks(thread: Thread, draft: Draft) -> Marks:
    """The address is a part of the person: else a guessed e-mail address could be confirmed."""
    # Of a long text only the beginning is folded: that is slow, and who sends it twice sends the same.
    said = fold(draft.body[:FOLDED]) + draft.body[FOLDED:]
    words = blind_index("words", f"{thread.id}\0{draft.parent_id}\0{said}")
    person = blind_index("person", f"{draft.address}\0{fold(draft.name)}\0{draft.email.casefold()}")
    return Marks(words, person, blind_index("day", f"{now():%Y%m%d} {words} {person}"))


def _request_key(draft: Draft) -> Index | None:
    return blind_index("request", draft.request_key) if draft.request_key else None


def _parent(thread: Thread, draft: Draft) -> Comment | None:
    if draft.parent_id is None:
        return None
    parent = Comment.of_site([thread.site_id], draft.parent_id, again=True)
    if parent is None or parent.thread_id != thread.id or parent.status != Status.APPROVED:
        raise Refused("parent_missing", _("The comment you’re replying to is no longer available."), field="parent")
    return parent


def _comment(site: Site, draft: Draft, known: Author | None) -> Comment:
    """The comment, in nobody's session; its author as she describes herself this time."""
    author = made(Author, site=site, site_id=site.id)
    author.introduce(name=draft.name, email=draft.email, website=draft.website)
    return Comment.new(
        site_id=site.id,
        site=site,
        author_id=known.id if known else None,
        author=author,
        name=draft.name,
        website=draft.website,
        body=draft.body,
        html=draft.html or markup.render(draft.body),
        renderer=markup.RENDERER,
        lang=draft.lang,
        cluster=near_duplicates.key_of(draft.body),
        notify=draft.notify,
        address=draft.network,
        address_index=draft.sender.network or None,
        wide_index=draft.sender.wide,
        request_key=_request_key(draft),
        request_digest=_digest(draft),
    )


def _meet(known: Author, comment: Comment, considered: Considered) -> Author:
    """A known author calls herself something, and writes from somewhere; trust goes along unless that holds."""
    doubted = any(finding.check == "changed" for finding in considered.findings)
    if doubted and known.vouched_index is None:
        known.vouch(known.name, known.website)
    typed = comment.author
    known.introduce(name=typed.name, email=typed.email, website=typed.website)
    if not doubted:
        known.vouch(known.name, known.website)
        known.was_at(comment.address_index, considered.traits)
    return known


def _keep(thread: Thread, parent: Comment | None, considered: Considered, marks: Marks) -> Comment:
    comment, known = considered.case.comment, considered.known
    if known:
        comment.author = _meet(known, comment, considered)
    else:
        comment.author.was_at(comment.address_index, considered.traits)
    comment.fingerprint, comment.typed_by, comment.text_key = marks.words, marks.person, marks.today
    comment.attach(thread, parent, thread.site.max_depth)
    comment.claimed = thread.news_in(considered.claimed)
    try:
        conclude(considered.case, considered.findings)
    except KeptAlready:
        if known:
            # What she calls herself this time is not kept either.
            db.session.expire(known)
        raise
    return comment
