"""Write what another program's file holds into a site: each comment once, however often the file comes.

Nothing that is here is changed or removed, nobody gets a letter, and no filter learns from it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from sqlalchemy import insert

from app.database import new_ids
from app.extensions import db
from app.lib import markup, networks
from app.lib.names import is_invisible
from app.lib.text import clean_body, clean_line, excerpt
from app.lib.urls import canonical, clean_website
from app.models import Actor, Author, Comment, Decision, Site, Status, Thread, imported
from app.models.imported import NUMBERING, Known
from app.models.path import ids_in, place_of
from app.models.thread import Named
from app.moderation.lanes import Lane
from app.transfer.staging import Arrival, Spool

BATCH = 500  # comments in one transaction; readers and moderators wait a tenth of a second for it
# Ids of ours do not come that far by themselves, nor do they reach what is higher.
REACHED = 100_000_000
LONGEST_NAME = 80  # characters, as in the form
LONGEST_TITLE = 500
LONGEST_EMAIL = 254

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def load(site: Site, spool: Spool, *, source: str, dry_run: bool = False, close_threads: bool = False) -> Iterator[int]:
    """Write what `spool` holds, and tell after each step how many comments have been dealt with.

    The caller commits after each step, so that what was told is safe, and nobody waits while we render.
    `source` and the ids of the file tell which comments are here already. A dry run writes nothing.
    """
    spool.arrange(lambda ids: imported.keys(site, source, ids))
    # A link to #comment-123 must not find another comment that has this number here.
    above = spool.highest_number(REACHED) if source in NUMBERING else 0
    done = 0
    yield done
    for arrivals in spool.arrivals(BATCH):
        here = imported.known(site, source, [each.source_id for each in arrivals])
        yield done
        fresh = [(each, _look(each)) for each in arrivals if each.source_id not in here] if not dry_run else []
        if fresh:
            _write(site, source, fresh, above)
        if close_threads and not dry_run:
            Thread.close(site, {each.key for each in arrivals})
        done += len(arrivals)
        yield done
        spool.done([each for each in arrivals if each.source_id not in here], "imported")
        spool.done([each for each in arrivals if each.source_id in here], "unchanged")


@dataclass(frozen=True, slots=True)
class Look:
    """A comment as it is kept here: cleaned, rendered, cut to size."""

    name: str
    email: str
    website: str
    network: str
    body: str
    html: str
    renderer: int


def _name(typed: str) -> str:
    """An invisible name counts as none: the page says "Anonymous"."""
    name = excerpt(clean_line(typed), LONGEST_NAME)[: Comment.name.type.length]
    return "" if is_invisible(name) else name


def _look(arrival: Arrival) -> Look:
    body, html, renderer = _text(arrival)
    return Look(
        name=_name(arrival.name),
        email=arrival.email if _EMAIL.fullmatch(arrival.email) and len(arrival.email) <= LONGEST_EMAIL else "",
        website=_website(arrival.website),
        network=str(networks.kept_of(ip_network(arrival.ip))) if arrival.ip else "",
        body=body,
        html=html,
        renderer=renderer,
    )


def _text(arrival: Arrival) -> tuple[str, str, int]:
    """Body, HTML and renderer. Isso and Commento take Markdown, and HTML where their own imports brought it."""
    if arrival.format == "markdown" and not markup.has_tags(arrival.body):
        body = clean_body(arrival.body)
        return body, markup.render(body), markup.RENDERER
    html = markup.sanitise(arrival.body, newlines=arrival.format == "markdown")
    return markup.plain(html), html, markup.ADOPTED


def _website(address: str) -> str:
    try:
        return clean_website(address)
    except ValueError:
        return ""  # nothing that may be linked, and nothing else is done with it


Fresh = list[tuple[Arrival, Look]]


def _write(site: Site, source: str, fresh: Fresh, numbered_to: int) -> None:
    threads, authors = _threads(site, fresh), _authors(site, fresh)
    above = imported.known(site, source, [each.parent for each, _look in fresh if each.parent])
    rows: list[dict[str, Any]] = []
    ids = new_ids(Comment, len(fresh), above=numbered_to)
    for id, author_id, (arrival, look) in zip(ids, authors, fresh, strict=True):
        parent = above.get(arrival.parent or "")
        row = _row(site, arrival, look, threads[arrival.key], parent)
        place = place_of(id, parent.path if parent and row["parent_id"] else "", site.max_depth)
        rows.append({"id": id, "author_id": author_id, "source": source} | row | place)
        above[arrival.source_id] = Known(id, place["path"], row["thread_id"])
    gained = _gained(rows)
    for row in rows:
        row["places"] = gained.pop(row["id"], 0)
    db.session.execute(insert(Comment), rows)
    db.session.execute(insert(Decision), [_decision(row) for row in rows])
    Comment.gain_places(gained)
    Thread.gain(Counter(row["thread_id"] for row in rows if row["status"] == Status.APPROVED))


def _row(site: Site, arrival: Arrival, look: Look, thread: Thread, parent: Known | None) -> dict[str, Any]:
    # An older import may have put the parent into another thread.
    related = parent if parent and parent.thread_id == thread.id else None
    return {
        "site_id": site.id,
        "thread_id": thread.id,
        "parent_id": related.id if related else None,
        "source_id": arrival.source_id,
        "status": arrival.status,
        # Nothing was found out about it that could tell the lanes apart.
        "lane": Lane.REVIEW if arrival.status == Status.PENDING else Lane.NONE,
        "version": 1,
        "name": look.name,
        "website": look.website,
        "body": look.body,
        "html": look.html,
        "renderer": look.renderer,
        "created_at": arrival.created_at,
        "address": look.network,
        "address_index": Comment.network_index(site, look.network) if look.network else None,
    }


def _gained(rows: list[dict[str, Any]]) -> Counter[int]:
    """How many approved comments came into the branch of each comment, itself included."""
    approved = (row for row in rows if row["status"] == Status.APPROVED)
    return Counter(id for row in approved for id in ids_in(row["path"]))


def _decision(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "site_id": row["site_id"],
        "comment_id": row["id"],
        "from_status": None,
        "to_status": row["status"],
        "version": row["version"],
        "actor": Actor.IMPORT,
        "reason": "import",
    }


def _threads(site: Site, fresh: Fresh) -> dict[str, Thread]:
    """The thread of each key. A thread is as old as its first comment."""
    first: dict[str, Arrival] = {}
    for arrival, _ in fresh:
        first.setdefault(arrival.key, arrival)
    threads = Thread.for_pages(site, first.keys())
    for key, arrival in first.items():
        if key not in threads:
            title = clean_line(arrival.title)[:LONGEST_TITLE]
            # The operator vouches for what is imported.
            more = {"named_by": Named.MODERATOR, "started_at": arrival.created_at, "created_at": arrival.created_at}
            more |= {"open": arrival.open, "visible": arrival.visible}
            threads[key] = Thread.obtain(site, key=key, url=canonical(arrival.url), title=title, **more)
    return threads


def _authors(site: Site, fresh: Fresh) -> list[int]:
    """An author's id for each comment: the same for the same e-mail address, as the other program had seen it."""
    indexes = [Author.index_of(site, look.email) for _arrival, look in fresh]
    people = [str(index or arrival.seq) for index, (arrival, _look) in zip(indexes, fresh, strict=True)]
    ids = imported.authors(site, filter(None, indexes))
    new = {person: each for person, each in reversed(list(zip(people, fresh, strict=True))) if person not in ids}
    rows: list[dict[str, Any]] = [
        {
            "id": id,
            "site_id": site.id,
            "name": look.name,
            "email": look.email,
            "email_index": person if look.email else None,
            "website": look.website,
            "created_at": arrival.created_at,
        }
        for id, (person, (arrival, look)) in zip(new_ids(Author, len(new)), new.items(), strict=True)
    ]
    if rows:
        db.session.execute(insert(Author), rows)
    ids |= dict(zip(new, (row["id"] for row in rows), strict=True))
    return [ids[person] for person in people]
