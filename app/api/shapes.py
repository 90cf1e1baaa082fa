"""The public fields of each record."""

from typing import Any

from app.comments.reading import ThreadPage
from app.comments.shown import Shown
from app.models import Thread, Words


def comment(shown: Shown) -> dict[str, Any]:
    """A comment; `html` is null for a placeholder, `helpful` on sites without votes."""
    return {
        "id": shown.id,
        "parent": shown.parent_id,
        "depth": shown.depth,
        "name": shown.name,
        "website": shown.website,
        "badge": shown.badge,
        "html": None if shown.html is None else str(shown.html),
        "created_at": shown.created_at.isoformat(),
        "edited_at": shown.edited_at.isoformat() if shown.edited_at else None,
        "covered": shown.covered,
        "url": shown.permalink,
        "more": shown.more,
        "helpful": shown.helpful,
        "picked": shown.picked,
    }


def pick(thread: Thread, shown: Shown) -> dict[str, Any]:
    """A comment with its page, for lists of several pages."""
    return comment(shown) | {"page": {"url": thread.address, "title": thread.label}}


def thread(page: ThreadPage, words: Words) -> dict[str, Any]:
    """A page of a thread; the next page is `after=next`, further replies are `after=more` of a comment."""
    return {
        "total": page.total,
        "open": page.open,
        "state": page.state,
        "sort": page.sort,
        "next": page.next,
        "rules": {
            "html": None if words.html is None else str(words.html),
            "url": words.rules_url,
            "version": words.rules_version,
        },
        "comments": [comment(shown) for shown in page.comments],
    }
