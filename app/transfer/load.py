"""Write imported comments into a site. Idempotent: a second run of the same file adds nothing.

Existing comments are not changed and no email is sent. The newest statuses train the spam filter.
"""

import re
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

from sqlalchemy import insert

from app.database import new_ids
from app.extensions import db
from app.lib import markup, networks
from app.lib.mailbox import one_form
from app.lib.names import is_invisible
from app.lib.text import clean_body, clean_line, excerpt
from app.lib.urls import canonical, clean_website
from app.models import Actor, Comment, Decision, Site, State, Status, Thread, comment_counts, imported
from app.models.chain_entry import note_made
from app.models.imported import NUMBERING, Known
from app.models.path import ids_in, place_of
from app.models.section import SectionBy, columns_of, section_named
from app.models.thread import Named
from app.moderation.lanes import Lane
from app.spam import learning
from app.transfer import bodies
from app.transfer.load_authors import CleanComment, Fresh, authors_of
from app.transfer.staging import StagedComment, Staging

BATCH = 500  # comments in a transaction, which blocks other writers for 0.1 s
# Higher source ids are ignored: our ids do not grow that far.
HIGHEST_SOURCE_ID = 100_000_000
LONGEST_NAME = 80  # characters, as in the form
LONGEST_TITLE = 500
LONGEST_EMAIL = 254

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def load(
    site: Site, staging: Staging, *, source: str, dry_run: bool = False, close_threads: bool = False
) -> Iterator[int]:
    """Write the staged comments; yield the number of processed ones after each step.

    The caller commits after each step, so rendering happens outside of transactions. `source` and the ids identify
    comments of an earlier run. A dry run writes nothing.
    """
    staging.arrange(lambda ids: imported.keys(site, source, ids))
    # New ids start above, so that an old link to #comment-123 opens no other comment.
    above = staging.highest_number(HIGHEST_SOURCE_ID) if source in NUMBERING else 0
    done = 0
    yield done
    for comments in staging.comments(BATCH):
        here = imported.known(site, source, [each.source_id for each in comments])
        yield done
        fresh = [(each, _clean(each, staging)) for each in comments if each.source_id not in here and not dry_run]
        if fresh:
            _write(site, source, staging, fresh, above)
        if close_threads and not dry_run:
            Thread.close(site, {each.key for each in comments})
        done += len(comments)
        yield done
        staging.set_outcome([each for each in comments if each.source_id not in here], "imported")
        staging.set_outcome([each for each in comments if each.source_id in here], "unchanged")


def _name(typed: str) -> str:
    """An invisible name becomes empty, which is shown as "Anonymous"."""
    name = excerpt(clean_line(typed), LONGEST_NAME)[: Comment.name.type.length]
    return "" if is_invisible(name) else name


def _clean(staged: StagedComment, staging: Staging) -> CleanComment:
    body, html, renderer = _text(staged, staging)
    name, website = _name(staged.name), _website(staged.website)
    label = learning.TEACHES[staged.status] if staged.teaches else ""
    return CleanComment(
        name=name,
        email=_email(staged.email),
        website=website,
        network=str(networks.stored_network(ip_network(staged.ip))) if staged.ip else "",
        body=body,
        html=html,
        renderer=renderer,
        example=(learning.slots_of_text(body, name, website), label) if label else None,
    )


def _text(staged: StagedComment, staging: Staging) -> tuple[str, str, int]:
    """Body, HTML and renderer. Isso and Commento have Markdown, or HTML from their own imports."""
    if staged.format == "markdown" and not markup.has_tags(staged.body):
        body = clean_body(staged.body)
        return body, markup.render(body), markup.RENDERER
    body = bodies.adapt(staged.body, staged.url, staging.name_of)
    html = markup.sanitise(body, newlines=staged.format == "markdown")
    return markup.plain(html), html, markup.ADOPTED


def _email(typed: str) -> str:
    email = one_form(typed)
    return email if _EMAIL.fullmatch(email) and len(email) <= LONGEST_EMAIL else ""


def _website(address: str) -> str:
    try:
        return clean_website(address)
    except ValueError:
        return ""  # only used as a link


def _write(site: Site, source: str, staging: Staging, fresh: Fresh, above_id: int) -> None:
    threads, authors = _threads(site, fresh), authors_of(site, source, staging, fresh)
    above = imported.known(site, source, [each.parent for each, _clean in fresh if each.parent])
    rows: list[dict[str, Any]] = []
    ids = new_ids(Comment, len(fresh), above=above_id)
    for id, author_id, (staged, clean) in zip(ids, authors, fresh, strict=True):
        parent = above.get(staged.parent or "")
        row = _row(site, staged, clean, threads[staged.key], parent)
        place = place_of(id, parent.path if parent and row["parent_id"] else "", site.max_depth)
        rows.append({"id": id, "author_id": author_id, "source": source} | row | place)
        above[staged.source_id] = Known(id, place["path"], row["thread_id"])
    gained = _approved_by_subtree(rows)
    for row in rows:
        row["approved_descendants"] = gained.pop(row["id"], 0)
    db.session.execute(insert(Comment), rows)
    learning.teach_weakly(site.id, [clean.example for _staged, clean in fresh if clean.example])
    decisions = new_ids(Decision, len(rows))
    db.session.execute(insert(Decision), [_decision(row) | {"id": id} for id, row in zip(decisions, rows, strict=True)])
    note_made(*decisions)
    comment_counts.add_approved_descendants(gained)
    Thread.gain(Counter(row["thread_id"] for row in rows if row["status"] == Status.APPROVED))


def _row(
    site: Site, staged: StagedComment, clean: CleanComment, thread: Thread, parent: Known | None
) -> dict[str, Any]:
    # An earlier import may have put the parent into another thread.
    related = parent if parent and parent.thread_id == thread.id else None
    return {
        "site_id": site.id,
        "thread_id": thread.id,
        "parent_id": related.id if related else None,
        "source_id": staged.source_id,
        "status": staged.status,
        # Imported comments are not screened.
        "lane": Lane.REVIEW if staged.status == Status.PENDING else Lane.NONE,
        "version": 1,
        "name": clean.name,
        "website": clean.website,
        "helpful": staged.helpful,
        "trained_as": clean.example[1] if clean.example else "",
        "residual": 0 if clean.example else None,
        "body": clean.body,
        "html": clean.html,
        "renderer": clean.renderer,
        "created_at": staged.created_at,
        "address": clean.network,
        "address_index": Comment.network_index(site, clean.network) if clean.network else None,
    }


def _approved_by_subtree(rows: list[dict[str, Any]]) -> Counter[int]:
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
        "residual": row["residual"],
        "teaches": bool(row["trained_as"]),
    }


def _threads(site: Site, fresh: Fresh) -> dict[str, Thread]:
    """Threads by key. A new thread gets the date of its first comment."""
    first: dict[str, StagedComment] = {}
    for staged, _ in fresh:
        first.setdefault(staged.key, staged)
    threads = Thread.for_pages(site, first.keys())
    for key, staged in first.items():
        if key not in threads:
            title = clean_line(staged.title)[:LONGEST_TITLE]
            # The operator trusts the file.
            more: dict[str, Any] = {
                "named_by": Named.MODERATOR,
                "started_at": staged.created_at,
                "created_at": staged.created_at,
            }
            more["state"] = State.HIDDEN if not staged.visible else State.OPEN if staged.open else State.CLOSED
            if staged.section and (section := section_named(site, staged.section)):
                more |= columns_of(section, SectionBy.HAND)
            threads[key] = Thread.obtain(site, key=key, url=canonical(staged.url), title=title, **more)
    return threads
