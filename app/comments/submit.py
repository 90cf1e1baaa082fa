"""A reader says something: admitted, kept as pending, screened, decided; once, however often it arrives."""

from dataclasses import dataclass
from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import ColumnElement
from sqlalchemy.exc import IntegrityError

from app.comments import tokens
from app.errors import Refused
from app.extensions import db
from app.lib import markup
from app.lib.clock import now
from app.lib.secrets import blind_index
from app.lib.text import fold
from app.models import Author, Comment, Site, Status, Thread
from app.moderation.checks import FLOOD_WINDOW, Case
from app.moderation.screening import screen

DUPLICATE_WINDOW = timedelta(days=1)


@dataclass(frozen=True)
class Draft:
    """What a reader sent, cleaned by the form, and what the door knows of the request."""

    body: str
    name: str
    email: str
    website: str
    parent_id: int | None
    author_token: str = ""
    request_key: str = ""
    # The whole address finds doubles and is not kept; the network is kept, encrypted, for moderators.
    address: str = ""
    network: str = ""
    network_index: str = ""
    trapped: bool = False
    lang: str = ""


@dataclass(frozen=True)
class Submitted:
    """`again`: it was here already. `recognised`: whoever asks has shown that it is hers."""

    comment: Comment
    again: bool
    recognised: bool


def submit(thread: Thread, draft: Draft) -> Submitted:
    """Keep and screen a comment in the caller's transaction.

    The same post again (by its request key, or the same person saying the same thing on the same page
    within a day) stores nothing and gives the first one. Raises Refused: thread_closed (403),
    parent_missing (422), flood (429).
    """
    known = tokens.author_of(thread.site, draft.author_token)
    fingerprint = _fingerprint(thread, draft, known)
    if earlier := _earlier(thread.site, draft, fingerprint):
        return earlier
    if not thread.accepts_comments():
        raise Refused("thread_closed", _("Comments are closed on this page."), status=403)
    parent = _parent(thread, draft)
    _refuse_flood(thread.site, draft, known)
    try:
        with db.session.begin_nested():
            comment = _keep(thread, draft, parent, known or _stranger(thread.site), fingerprint)
    except IntegrityError:
        # The same post arrived twice at once; the other one is stored.
        if earlier := _earlier(thread.site, draft, fingerprint):
            return earlier
        raise
    screen(Case(thread.site, comment, proven=known is not None, trapped=draft.trapped))
    return Submitted(comment, again=False, recognised=True)


def thread_for(site: Site, *, key: str, url: str, title: str) -> Thread:
    """The thread of a page; made when its first comment comes."""
    if thread := Thread.for_page(site, key):
        return thread
    try:
        with db.session.begin_nested():
            thread = Thread(site=site, key=key, url=url, title=title)
            db.session.add(thread)
        return thread
    except IntegrityError:
        thread = Thread.for_page(site, key)
        if thread is None:
            raise
        return thread


def _earlier(site: Site, draft: Draft, fingerprint: str) -> Submitted | None:
    if draft.request_key and (found := Comment.with_request_key(site, _request_key(draft))):
        return Submitted(found, again=True, recognised=True)
    if found := Comment.with_fingerprint(fingerprint, now() - DUPLICATE_WINDOW):
        # Somebody may have guessed all of it: no token for what was not proven.
        return Submitted(found, again=True, recognised=bool(tokens.author_of(site, draft.author_token)))
    return None


def _fingerprint(thread: Thread, draft: Draft, known: Author | None) -> str:
    """Who says what where. The address is part of it for strangers: else a guessed e-mail could be confirmed."""
    who = f"author {known.id}" if known else f"{draft.address}\0{fold(draft.name)}\0{draft.email.casefold()}"
    return blind_index("fingerprint", f"{thread.id}\0{draft.parent_id}\0{who}\0{fold(draft.body)}")


def _request_key(draft: Draft) -> str:
    return blind_index("request", draft.request_key)


def _parent(thread: Thread, draft: Draft) -> Comment | None:
    if draft.parent_id is None:
        return None
    parent = Comment.of_site([thread.site_id], draft.parent_id)
    if parent is None or parent.thread_id != thread.id or parent.status != Status.APPROVED:
        raise Refused("parent_missing", _("The comment that you reply to does not exist any more."), field="parent")
    return parent


def _refuse_flood(site: Site, draft: Draft, known: Author | None) -> None:
    """From the table, so that it holds with many processes. Two at once may both pass: cheaper than a lock."""
    since = now() - FLOOD_WINDOW
    same_network = (Comment.site_id == site.id, Comment.address_index == draft.network_index)
    limits: list[tuple[int, tuple[ColumnElement[bool], ...]]] = [(site.flood_per_address, same_network)]
    if known:
        limits.append((site.flood_per_author, (Comment.author_id == known.id,)))
    elif draft.email:
        limits.append((site.flood_per_author, (*same_network, _by_email(site, draft.email))))
    for most, conditions in limits:
        if most and Comment.count_since(since, *conditions) >= most:
            raise Refused("flood", _("You are posting comments too quickly. Slow down."), status=429)


def _by_email(site: Site, email: str) -> ColumnElement[bool]:
    return Comment.author.has(Author.email_index == Author.index_of(site, email))


def _stranger(site: Site) -> Author:
    return Author(site=site)


def _keep(thread: Thread, draft: Draft, parent: Comment | None, author: Author, fingerprint: str) -> Comment:
    author.introduce(name=draft.name, email=draft.email, website=draft.website)
    comment = Comment(
        site=thread.site,
        thread=thread,
        author=author,
        parent=parent,
        name=draft.name,
        website=draft.website,
        body=draft.body,
        html=markup.render(draft.body),
        renderer=markup.RENDERER,
        lang=draft.lang,
        address=draft.network,
        address_index=draft.network_index or None,
        request_key=_request_key(draft) if draft.request_key else None,
        fingerprint=fingerprint,
        text_key=f"{now():%Y%m%d} {fingerprint}",
    )
    db.session.add(comment)
    db.session.flush()
    comment.attach(parent, thread.site.max_depth)
    db.session.flush()
    return comment
