"""Tokens in a reader's browser that prove authorship."""

from datetime import timedelta

from app.lib.signing import BadToken, sign, unsign
from app.models import Author, Comment, Site

# As long as a browser lives; a comment token gives access to one comment only.
AUTHOR_LIFE = timedelta(days=730)
COMMENT_LIFE = timedelta(days=30)


def for_author(author: Author) -> str:
    """'' for members: their publisher says who they are."""
    if author.member_index:
        return ""
    return sign("author", [author.site_id, author.id])


def for_comment(comment: Comment) -> str:
    return sign("comment", [comment.site_id, comment.id])


def author_of(site: Site, token: str) -> Author | None:
    """The author of a valid token for this site, or None."""
    id = _claimed("author", token, site.id, AUTHOR_LIFE)
    return Author.of_site(site, id) if id else None


def comments_of(site: Site, tokens: list[str]) -> list[Comment]:
    """Comments that the tokens give access to, oldest first."""
    ids = {id for token in tokens if (id := _claimed("comment", token, site.id, COMMENT_LIFE))}
    found = [Comment.of_site([site.id], id) for id in sorted(ids)]
    return [comment for comment in found if comment and not comment.author.erased_at]


def opens(token: str, comment: Comment) -> bool:
    claimed = _claimed("comment", token, comment.site_id, COMMENT_LIFE)
    return claimed == comment.id and not comment.author.erased_at


def _claimed(purpose: str, token: str, site_id: int, life: timedelta) -> int | None:
    try:
        claim = unsign(purpose, token, life)
    except BadToken:
        return None
    return claim[1] if claim[0] == site_id else None
