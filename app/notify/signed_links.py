"""Signed links of authors and notifiers, without log-in: own comment, confirm, unsubscribe, appeal, notice."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app
from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib.secrets import Index
from app.lib.signing import BadToken, sign, unsign
from app.models import Author, Comment, Decision, Notice, Site, Status, Subscription

CONFIRM_LASTS = timedelta(days=7)
# Six months, as the Digital Services Act (article 20) requires.
APPEAL_LASTS = timedelta(days=183)
# A late review may still be appealed.
OWN_LASTS = timedelta(days=365)
# A notifier may need the page of a notice for a court.
NOTICE_LASTS = timedelta(days=3 * 365)
# People unsubscribe from old emails.
STOP_LASTS = timedelta(days=3650)


@dataclass(frozen=True)
class Following:
    """What an unsubscribe link is about: replies to one comment (`scope` "comment") or a whole page ("page")."""

    site: Site
    scope: str
    comment: Comment
    # All authors with the address to which the email was sent.
    author_ids: list[int]

    @property
    def ended(self) -> bool:
        if self.scope == "comment":
            return not (self.comment.notify_replies and self.comment.author_id in self.author_ids)
        return not any(each.ended_at is None for each in Subscription.on_page(self.comment.thread, self.author_ids))

    def end(self, *, again: bool = False) -> None:
        """End the emails, or resume them."""
        if self.scope == "page":
            Subscription.end(self.comment.thread, self.author_ids, again=again)
        elif self.comment.author_id in self.author_ids:
            self.comment.notify_replies = again


@dataclass(frozen=True)
class Address:
    """A site's email address by its keyed hash."""

    site: Site
    email_index: Index | str


def confirm_link(author: Author) -> str:
    return _link("mail/confirm", "confirm", [author.site_id, author.id, author.email_index])


def stop_link(author: Author) -> str:
    return _link("mail/stop", "stop", [author.site_id, author.email_index, author.id])


def own_link(comment: Comment) -> str:
    """The address of a comment's page for its author."""
    return _link("comment", "own comment", [comment.site_id, comment.id])


def unfollow_link(author: Author, comment: Comment, scope: str) -> str:
    """Ends emails about replies to `comment`, or about its page: threads are merged, a comment keeps its id."""
    return _link("mail/unfollow", "unfollow", [author.site_id, author.email_index, author.id, comment.id, scope])


def appeal_link(decision: Decision) -> str:
    return _link("appeal", "appeal", [decision.site_id, decision.id])


def notice_link(notice: Notice, *, emailed: bool) -> str:
    """The page of a notice for its sender. Only a link that was emailed can confirm the address."""
    return _link("notice", "notice", [notice.site_id, notice.id, int(emailed)])


def inquiry_link(notice: Notice) -> str:
    """The page on which the comment's author agrees to its removal, or objects."""
    return _link("inquiry", "inquiry", [notice.site_id, notice.id])


def author_to_confirm(token: str) -> Author:
    """Raises Refused (410), also if the address has changed since."""
    site_id, author_id, email_index = _claim("confirm", token, CONFIRM_LASTS)
    author = db.session.get(Author, author_id)
    if author is None or author.site_id != site_id or not author.is_found_by(email_index):
        raise _gone()
    return author


def address_to_stop(token: str) -> Address:
    site_id, email_index, *author_id = _claim("stop", token, STOP_LASTS)
    site = db.session.get(Site, site_id)
    if site is None:
        raise _gone()
    return Address(site, _current_index(email_index, *author_id))


def own_comment(token: str) -> Comment:
    """Raises Refused (410), also once the author was erased."""
    site_id, comment_id = _claim("own comment", token, OWN_LASTS)
    comment = Comment.of_site([site_id], comment_id, again=True)
    if comment is None or comment.author.erased_at:
        raise _gone()
    return comment


def following_to_end(token: str) -> Following:
    """Raises Refused (410)."""
    site_id, email_index, author_id, comment_id, scope = _claim("unfollow", token, STOP_LASTS)
    site, comment = db.session.get(Site, site_id), Comment.of_site([site_id], comment_id)
    if site is None or comment is None:
        raise _gone()
    return Following(site, scope, comment, Author.with_index(site, _current_index(email_index, author_id)))


def _current_index(email_index: str, author_id: int | None = None) -> Index | str:
    """The index under the current key; emails may be older than the key."""
    author = db.session.get(Author, author_id) if author_id else None
    return author.address_index or email_index if author and author.is_found_by(email_index) else email_index


def decision_to_appeal(token: str) -> Decision:
    """Raises Refused (410), also for an author who was erased."""
    site_id, decision_id = _claim("appeal", token, APPEAL_LASTS)
    decision = db.session.get(Decision, decision_id)
    if decision is None or decision.site_id != site_id or decision.to_status != Status.REJECTED:
        raise _gone()
    if decision.comment.author.erased_at:
        raise _gone()
    return decision


def notice_of(token: str) -> tuple[Notice, bool]:
    """The notice, and whether the link was emailed. Raises Refused (410)."""
    site_id, notice_id, emailed = _claim("notice", token, NOTICE_LASTS)
    notice = Notice.of_site([site_id], notice_id)
    if notice is None:
        raise _gone()
    return notice, bool(emailed)


def inquiry_of(token: str) -> Notice:
    """Raises Refused (410), also for an author who was erased."""
    site_id, notice_id = _claim("inquiry", token, APPEAL_LASTS)
    notice = Notice.of_site([site_id], notice_id)
    if notice is None or notice.asked_at is None or notice.comment.author.erased_at:
        raise _gone()
    return notice


def _link(path: str, purpose: str, claim: list[Any]) -> str:
    return f"{current_app.config['PUBLIC_URL']}/{path}/{sign(purpose, claim)}"


def _claim(purpose: str, token: str, lasting: timedelta) -> Any:
    try:
        return unsign(purpose, token, lasting)
    except BadToken as trouble:
        raise _gone() from trouble


def _gone() -> Refused:
    return Refused("bad_link", _("This link has expired."), status=410)
