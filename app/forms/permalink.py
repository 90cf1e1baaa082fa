"""The comment behind a link that a person typed."""

import re

from flask import current_app

from app.comments import reading
from app.forms.where import key_of
from app.lib import ids
from app.models import Comment, Site, Thread

# As in our own links, in those of programs that comments were imported from, and of the page without JavaScript.
NUMBER = re.compile(r"(?:#(?:comment|isso)-|[?&]comment=)([0-9]{1,18})(?![0-9])")


def comment_at(site: Site, link: str) -> Comment | None:
    """The public comment of the site with this link; None for any other."""
    found = NUMBER.search(link)
    if not found:
        return None
    number, key = ids.read(found[1]), key_of(site, link)
    thread = Thread.for_page(site, key) if key else None
    if thread and (comment := reading.public_comment(thread, number)):
        return comment
    comment = Comment.public(number)
    return comment if comment and comment.site_id == site.id and _needs_no_page(comment, link) else None


def _needs_no_page(comment: Comment, link: str) -> bool:
    """True where the address does not name the thread: our own page, and articles with an id of their own."""
    return link.startswith(f"{current_app.config['PUBLIC_URL']}/") or comment.thread.key.startswith("id:")
