"""Staff speak as staff: a reply from the desk is public at once, with a badge; its author edits and withdraws it."""

from flask_babel import gettext as _
from sqlalchemy import inspect

from app.database import new
from app.errors import Refused
from app.extensions import db
from app.lib import markup
from app.lib.clock import now
from app.lib.secrets import blind_index
from app.models import (
    Author,
    Comment,
    Decision,
    DuplicateComment,
    Moderator,
    Revision,
    Role,
    Site,
    Status,
    newest_comments,
)
from app.moderation import covers, legal_hold
from app.moderation.decide import decide, decide_new

# Comments that a reply may answer; a pending one is approved by it.
ANSWERED = (Status.PENDING, Status.APPROVED)


def may_reply(moderator: Moderator, site: Site) -> bool:
    role = moderator.role_on(site.id)
    return role is not None and role.reaches(Role(site.staff_role))


def name_of(moderator: Moderator, site: Site) -> str:
    """The name above the moderator's replies: an alias, else the site's name, never the account's."""
    membership = moderator.membership_on(site.id)
    return (membership.alias if membership else "") or site.name


def reply(to: Comment, body: str, *, name: str, seen: int, by: Moderator) -> Comment | None:
    """Publish a reply by staff, and `to` if it was pending; None if the same reply was sent before.

    `name` becomes the moderator's alias on the site. Raises Refused (403, 409) and AlreadyDecided (409).
    """
    _require_role(by, to.site)
    to.lock()
    _refuse_hidden(to)
    if to.status == Status.PENDING:
        decide(to, Status.APPROVED, seen=seen, by=by)
    _keep_alias(to.site, by, name)
    comment = _comment(to, body, name, by)
    try:
        decide_new(comment, Status.APPROVED, reason="staff", by=by)
    except DuplicateComment:
        return None
    return comment


def edit(comment: Comment, body: str, *, by: Moderator) -> Decision:
    """Replace the text of one's own reply, at any time; readers see that it was edited. Raises Refused (404, 409)."""
    _require_own(comment, by)
    legal_hold.absorb([comment.id])
    body = covers.again(comment, body)
    db.session.add(Revision(site_id=comment.site_id, comment_id=comment.id, body=comment.body, html=comment.html))
    comment.body, comment.html, comment.renderer = body, markup.render_clean(body), markup.RENDERER
    comment.edited_at, comment.text_key = now(), None
    db.session.flush()
    Revision.forget_between(comment)
    decision = decide(comment, Status(comment.status), seen=comment.version, by=by, reason="edited")
    comment.thread.changed()
    return decision


def withdraw(comment: Comment, *, by: Moderator) -> Decision:
    """Delete one's own reply, at any time; with replies, a placeholder stays. Raises Refused (404, 409)."""
    _require_own(comment, by)
    legal_hold.absorb([comment.id])
    comment.text_key = None
    return decide(comment, Status.DELETED, seen=comment.version, by=by, reason="withdrawn")


def _require_role(by: Moderator, site: Site) -> None:
    if not may_reply(by, site):
        said = _("Your role on this site can’t reply as staff. Ask a site owner.")
        raise Refused("role_too_small", said, status=403)


def _refuse_hidden(to: Comment) -> None:
    if to.status not in ANSWERED or to.emptied_at:
        raise Refused("not_public", _("Approve this comment first."), status=409)
    if not to.thread.visible:
        raise Refused("article_hidden", _("The comments of this article are hidden. Open it first."), status=409)


def _require_own(comment: Comment, by: Moderator) -> None:
    comment.lock()
    if comment.moderator_id != by.id:
        raise Refused("not_yours", _("Only the author of this reply can change it."), status=403)
    if comment.status == Status.DELETED:
        raise Refused("deleted", _("This comment has been deleted."), status=409)


def _keep_alias(site: Site, by: Moderator, name: str) -> None:
    membership = by.membership_on(site.id)
    if membership:
        membership.alias = "" if name == site.name else name
    site.reserve_name(name)


def _comment(to: Comment, body: str, name: str, by: Moderator) -> Comment:
    site, author = to.site, _author(to.site, name, by)
    comment = Comment.new(
        site_id=site.id,
        site=site,
        author_id=author.id,
        author=author,
        name=name,
        website="",
        body=body,
        html=markup.render_clean(body),
        renderer=markup.RENDERER,
        lang=site.lang,
        badge=site.staff_badge,
        moderator_id=by.id,
        # A second press of the button finds the first reply.
        text_key=blind_index("staff", f"{now():%Y%m%d} {by.id} {to.id} {body}"),
    )
    comment.attach(to.thread, to, site.max_depth)
    return comment


def _author(site: Site, name: str, by: Moderator) -> Author:
    """The author of the moderator's earlier replies on this site, else a new one, without an address."""
    earlier = newest_comments.by_moderator(by.id, site)
    author = earlier.author if earlier else new(Author, site=site, site_id=site.id)
    author.update_typed(name=name, email="", website="")
    if not inspect(author).transient:
        db.session.flush()
    return author
