"""Submit a comment: screen, check limits, insert, decide. Idempotent for repeated requests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flask_babel import gettext as _

from app.comments import admission, members, tokens
from app.comments.admission import Admission
from app.comments.members import Member
from app.database import new
from app.errors import Refused
from app.extensions import db
from app.lib import markup, metrics, near_duplicates
from app.lib.clock import now
from app.lib.language import tag_now
from app.lib.normal_form import normalised
from app.lib.secrets import Index, blind_index, candidates
from app.lib.text import fold
from app.models import Author, Comment, DuplicateComment, Notify, Site, Status, Thread, duplicates, words_of
from app.models.section import sections_of
from app.models.thread_state import ACCEPTING
from app.moderation.findings import apply_findings
from app.notify import authors, replies
from app.screening.akismet import Sender
from app.screening.case import Case, Finding
from app.screening.run import rollback_on_error, run_checks

FOLDED = 2_000  # characters


@dataclass(frozen=True)
class Draft:
    """A comment as the reader sent it, cleaned and validated by the form, with facts about the request."""

    body: str
    name: str
    email: str
    website: str
    parent_id: int | None
    # Version of the house rules; '' where none must be accepted.
    accepted: str = ""
    author_token: str = ""
    # A member of the publisher; name and email are theirs.
    member: Member | None = None
    # The page's key as requested, and the Idempotency-Key header.
    page: str = ""
    request_key: str = ""
    # Claimed url, title and date of the page.
    claimed: Mapping[str, str] = field(default_factory=dict)
    # Key of a section that only the request claims.
    section: str = ""
    # The full address only identifies repeated posts; the network is stored, encrypted.
    address: str = ""
    network: str = ""
    sender: admission.Sender = field(default_factory=admission.Sender)
    traits: str = ""
    trapped: bool = False
    seconds: float | None = None
    stamp: str = ""
    notify: str = Notify.NOTHING
    user_agent: str = ""
    referrer: str = ""
    lang: str = ""

    def from_a_program(self) -> "Draft":
        """Without the facts about the request, which are those of a server; app/api/once.py keeps its key."""
        unknown = dict.fromkeys(("address", "network", "traits", "user_agent", "referrer", "stamp", "request_key"), "")
        return replace(self, sender=admission.Sender(), trapped=False, seconds=None, **unknown)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Submitted:
    """`again`: the comment was stored before. `recognised`: the request has proven its author."""

    comment: Comment
    again: bool
    recognised: bool

    def count(self) -> None:
        """Count it in the metrics, after the commit."""
        metrics.POSTS.labels("repeated" if self.again else str(self.comment.status)).inc()


@dataclass(frozen=True)
class Fingerprints:
    """Keyed hashes of a repeated post: the text on this page, the person, and both on one day."""

    words: Index
    person: Index
    today: Index


@dataclass(frozen=True)
class Screened:
    case: Case
    findings: list[Finding]
    known: Author | None
    admission: Admission
    traits: str | None
    claimed: Mapping[str, str] = field(default_factory=dict)


def screen(site: Site, draft: Draft) -> Screened:
    """Check limits, render the text and run all checks. Writes nothing, so it takes no lock on SQLite."""
    known = _known(site, draft)
    admitted = admission.check_limits(site, draft.sender, known, draft.email)
    # A refused post is neither rendered nor screened, which costs more than everything else.
    refused = bool(admitted.refused) or (admitted.crowded and draft.sender.prove is None)
    comment = _comment(site, draft, known, "" if refused else markup.render_clean(draft.body))
    case = Case(
        site,
        comment,
        proven=known is not None or draft.member is not None,
        trapped=draft.trapped,
        seconds=draft.seconds,
        stamp=draft.stamp or ("worn" if admitted.worn else ""),
        section=sections_of(site).get(draft.section),
        changed=_changes(known, comment, draft) if known else (),
        sender=Sender(draft.address, draft.user_agent, draft.referrer),
    )
    findings = [] if refused else run_checks(case, guard=rollback_on_error)
    return Screened(case, findings, known, admitted, draft.traits or None, draft.claimed)


def _known(site: Site, draft: Draft) -> Author | None:
    return members.author_of(site, draft.member) if draft.member else tokens.author_of(site, draft.author_token)


def _changes(known: Author, comment: Comment, draft: Draft) -> tuple[str, ...]:
    """None for members: their publisher says who they are, wherever they log in."""
    return () if draft.member else known.changes(comment.author, draft.sender.network, draft.traits)


def submit(thread: Thread, draft: Draft, screened: Screened | None = None) -> Submitted:
    """Insert a comment and decide its status, in the caller's transaction.

    A repeated post (same request key, or same text, person and page within a day) returns the first one. Raises
    Refused: thread_closed (403), members_only (403), parent_missing (422), flood (429), key_reused (422) for a request
    key with other content.
    """
    screened = screened or screen(thread.site, draft)
    prints = _fingerprints(thread, draft)
    try:
        parent = _checked_parent(thread, draft, screened)
        if draft.member:
            screened = replace(screened, known=members.obtain_author(thread.site, draft.member))
        comment = _insert(thread, parent, screened, prints)
    except (DuplicateComment, Refused):
        # A retry gets the first response, even if the page was closed since.
        if earlier := _earlier(thread.site, draft, screened.known, prints):
            return earlier
        raise
    authors.ask_to_confirm(comment)
    replies.subscribe(comment, draft.notify)
    return Submitted(comment, again=False, recognised=True)


def sent_before(thread: Thread, draft: Draft) -> Submitted | None:
    """The stored comment if this post repeats it. Writes nothing. Raises Refused (422) as `submit`."""
    return _earlier(thread.site, draft, _known(thread.site, draft), _fingerprints(thread, draft))


def _checked_parent(thread: Thread, draft: Draft, screened: Screened) -> Comment | None:
    """The parent, if any. Raises Refused if no new comment is allowed."""
    claimed = screened.case.section
    if not thread.accepts_comments() or (claimed and claimed.state not in ACCEPTING):
        words = words_of(thread.site, tag_now(), draft.section or thread.section)
        raise Refused("thread_closed", words.closed_text or _("Comments are closed."), status=403)
    if draft.member is None and thread.is_for_members(claimed):
        raise Refused("members_only", _("Only members can comment here. Log in first."), status=403)
    parent = _parent(thread, draft)
    if screened.admission.refused:
        raise screened.admission.refused
    if screened.admission.crowded:
        admission.require_proof(thread.site, draft.sender)
    return parent


def _earlier(site: Site, draft: Draft, known: Author | None, prints: Fingerprints) -> Submitted | None:
    earlier = duplicates.earlier(site, _request_key(draft), prints.words, prints.person, known)
    if earlier.sent:
        return _sent_before(db.session.get_one(Comment, earlier.sent), draft, known, prints)
    if earlier.said:
        found = db.session.get_one(Comment, earlier.said)
        # The request key may be guessed: no token without proof.
        return Submitted(found, again=True, recognised=known is not None and found.author_id == known.id)
    return None


def _sent_before(found: Comment, draft: Draft, known: Author | None, prints: Fingerprints) -> Submitted:
    """The response to a reused request key. A guessed key reveals nothing."""
    # Comments of an earlier version have no digest.
    same = _digest(draft) if found.request_digest else prints.words
    if (found.request_digest or found.fingerprint) not in candidates([same]):
        raise Refused("key_reused", _("This request was already sent with different content. Please send it again."))
    same_person = found.author_id == known.id if known else found.typed_by in prints.person.all
    return Submitted(found, again=True, recognised=same_person)


def _digest(draft: Draft) -> Index | None:
    """Blind index of all fields that a client chooses; None without a request key."""
    if not draft.request_key:
        return None
    chosen = [draft.page, draft.parent_id, draft.body, draft.name, draft.email, draft.website, draft.notify]
    if draft.member:
        chosen += [draft.member.sub, draft.member.badge]
    return blind_index("request content", json.dumps(chosen))


def _fingerprints(thread: Thread, draft: Draft) -> Fingerprints:
    """The network address is part of the person's hash: otherwise a guessed email address could be confirmed."""
    words = blind_index("words", f"{thread.id}\0{draft.parent_id}\0{_compared(draft.body)}")
    typed = f"{draft.address}\0{fold(draft.name)}\0{draft.email.casefold()}"
    person = blind_index("person", f"member\0{draft.member.sub}" if draft.member else typed)
    return Fingerprints(words, person, blind_index("day", f"{now():%Y%m%d} {words} {person}"))


def _compared(body: str) -> str:
    """Folding is slow, so of a long text only the beginning is folded, and nothing that folding makes much longer.

    A repeated post is identical anyway.
    """
    start = body[:FOLDED]
    return body if len(normalised("NFKC", start)) > 2 * FOLDED else fold(start) + body[FOLDED:]


def _request_key(draft: Draft) -> Index | None:
    return blind_index("request", draft.request_key) if draft.request_key else None


def _parent(thread: Thread, draft: Draft) -> Comment | None:
    if draft.parent_id is None:
        return None
    parent = Comment.of_site([thread.site_id], draft.parent_id, again=True)
    if parent is None or parent.thread_id != thread.id or parent.status != Status.APPROVED:
        raise Refused("parent_missing", _("The comment you’re replying to is no longer available."), field="parent")
    return parent


def _comment(site: Site, draft: Draft, known: Author | None, html: str) -> Comment:
    """The comment, in no session; its author as typed in this request."""
    author = new(Author, site=site, site_id=site.id)
    author.update_typed(name=draft.name, email=draft.email, website=draft.website)
    return Comment.new(
        site_id=site.id,
        site=site,
        author_id=known.id if known else None,
        author=author,
        name=draft.name,
        website=draft.website,
        member_badge=draft.member.badge if draft.member else "",
        body=draft.body,
        html=html,
        renderer=markup.RENDERER,
        lang=draft.lang,
        accepted=draft.accepted,
        cluster=near_duplicates.key_of(draft.body),
        notify=draft.notify != Notify.NOTHING,
        notify_replies=draft.notify in (Notify.REPLIES, Notify.PAGE),
        address=draft.network,
        address_index=draft.sender.network or None,
        wide_index=draft.sender.wide,
        request_key=_request_key(draft),
        request_digest=_digest(draft),
    )


def _update_author(known: Author, comment: Comment, screened: Screened) -> Author:
    """Store a known author's typed name and network; trust stays unless the `changed` check has held the comment."""
    doubted = any(finding.check == "changed" for finding in screened.findings)
    if doubted and known.vouched_index is None:
        known.vouch(known.name, known.website)
    typed = comment.author
    known.update_typed(name=typed.name, email=typed.email, website=typed.website)
    known.member_badge = comment.member_badge
    if not doubted:
        known.vouch(known.name, known.website)
        known.remember_place(comment.address_index, screened.traits)
    return known


def _insert(thread: Thread, parent: Comment | None, screened: Screened, prints: Fingerprints) -> Comment:
    comment, known = screened.case.comment, screened.known
    if known:
        comment.author = _update_author(known, comment, screened)
    else:
        comment.author.remember_place(comment.address_index, screened.traits)
    comment.fingerprint, comment.typed_by, comment.text_key = prints.words, prints.person, prints.today
    comment.attach(thread, parent, thread.site.max_depth)
    comment.claimed = thread.news_in(screened.claimed)
    try:
        apply_findings(screened.case, screened.findings)
    except DuplicateComment:
        if known:
            # Discard the typed name.
            db.session.expire(known)
        raise
    return comment
