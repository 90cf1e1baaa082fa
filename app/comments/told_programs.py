"""What programs were told about a person: the stored answers to their writes."""

import json
from collections.abc import Collection
from functools import partial
from typing import Any

from sqlalchemy import select

from app.database import among, snapshot
from app.extensions import db
from app.lib.secrets import is_unreadable
from app.models import ApiAnswer, Author, Comment

BATCH = 500


def forget(authors: Collection[Author], names: Collection[str]) -> None:
    """Delete the answers that are about one of these authors or contain one of their names, and the unreadable ones."""
    ids, sites = {author.id for author in authors}, {author.site_id for author in authors}
    # Reading takes a second for a program with many answers, and blocks no writer.
    with snapshot():
        comments = set(db.session.scalars(select(Comment.id).where(Comment.author_id.in_(among(ids)))))
        about = partial(_is_about, comments=comments, authors=ids, names=names)
        gone = [id for id, told in ApiAnswer.of_sites(sites) if is_unreadable(told) or about(json.loads(told))]
    for at in range(0, len(gone), BATCH):
        ApiAnswer.forget(gone[at : at + BATCH])


def _is_about(told: Any, comments: Collection[int], authors: Collection[int], names: Collection[str]) -> bool:
    if isinstance(told, str):
        return any(name in told for name in names)
    if isinstance(told, dict) and (_has(told, "author", authors) or _has(told, "comment", comments)):
        return True
    if isinstance(told, dict) and "html" in told and _has(told, "id", comments):
        return True
    parts = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    return any(_is_about(each, comments, authors, names) for each in parts)


def _has(told: dict[str, Any], field: str, ids: Collection[int]) -> bool:
    value = told.get(field)
    return isinstance(value, int) and value in ids
