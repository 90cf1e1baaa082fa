"""Export the personal data of one person as JSON."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from app.comments.person import Person
from app.extensions import db
from app.models import Comment, Decision, Moderator, Note, Revision, Subscription

BATCH = 100  # comments in memory


def export(person: Person) -> dict[str, Any]:
    """All stored data about a person, as JSON data, without names of other people.

    "comments" is an iterator that reads in batches.
    """
    return {
        "email": person.email,
        "authors": [
            {
                "site": author.site.key,
                "name": author.name,
                "email": author.email,
                "website": author.website,
                "member": author.member_sub,
                "badge": author.member_badge,
                "since": author.created_at.isoformat(),
            }
            for author in person.authors
        ],
        "rules": [
            {"about": rule.subject, "effect": rule.effect, "reason": rule.reason, "since": rule.made_at.isoformat()}
            for rule in person.rules()
        ],
        "subscriptions": [
            {
                "site": author.site.key,
                "page": each.thread.address,
                "about": "all comments" if each.everything else "replies",
                "since": each.made_at.isoformat(),
                "until": each.ended_at.isoformat() if each.ended_at else None,
            }
            for author in person.authors
            for each in Subscription.of_authors([author.id])
        ],
        "notices": [
            {
                "site": notice.site.key,
                "number": notice.number,
                "about": notice.claim,
                "name": notice.name,
                "law": notice.law,
                "explanation": notice.explanation,
                "when": notice.made_at.isoformat(),
                "outcome": notice.outcome,
            }
            for notice in person.notices()
        ],
        "is_moderator": bool(person.email) and Moderator.with_email(person.email) is not None,
        "comments": _comments(person),
    }


def _comments(person: Person) -> Iterator[dict[str, Any]]:
    last = 0
    while batch := person.comments(after=last, limit=BATCH):
        last = batch[-1].id
        yield from _exported(batch)


def _exported(comments: list[Comment]) -> list[dict[str, Any]]:
    ids = [comment.id for comment in comments]
    revisions, decisions, notes = Revision.of(ids), _decisions(ids), Note.of(ids)
    return [
        _fields(comment)
        | {
            "earlier_texts": [
                {"text": each.body, "until": each.replaced_at.isoformat()} for each in revisions[comment.id]
            ],
            "decisions": decisions.get(comment.id, []),
            "notes": [note.text for note in notes.get(comment.id, ())],
        }
        for comment in comments
    ]


def _fields(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.id,
        "site": comment.site.key,
        "page": comment.thread.address,
        "status": comment.status,
        "name": comment.name,
        "website": comment.website,
        "badge": comment.member_badge,
        "text": comment.body,
        "accepted_rules": comment.accepted,
        "written": comment.created_at.isoformat(),
        "edited": comment.edited_at.isoformat() if comment.edited_at else None,
        "network": comment.address,
        "in_answer_to": comment.parent_id,
        "helpful": comment.helpful,
        "picked": comment.picked_at.isoformat() if comment.picked_at else None,
        "noticed": comment.reasons,
        "score": comment.score,
    }


def _decisions(ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for row in db.session.scalars(select(Decision).where(Decision.comment_id.in_(ids)).order_by(Decision.id)):
        shown = {"status": row.to_status, "by": row.actor, "reason": row.reason, "when": row.made_at.isoformat()}
        found.setdefault(row.comment_id, []).append(shown)
    return found
