"""Count the records of an import reader in the terms of an export's description."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from app.transfer.record import CommentRecord, Record, Skip, ThreadRecord


def count(records: Iterable[Record]) -> dict[str, Any]:
    """Threads, comments, roots, replies (also to missing parents), orphans, depth, status."""
    records = list(records)
    comments = [record for record in records if isinstance(record, CommentRecord)]
    threads = {record.source_id for record in records if isinstance(record, ThreadRecord)}
    parents = {comment.source_id: comment.parent_source_id for comment in comments}
    return {
        "threads": sum(isinstance(record, ThreadRecord) for record in records),
        "unknown_thread": sum(comment.thread_source_id not in threads for comment in comments),
        "skipped": sum(isinstance(record, Skip) for record in records),
        "comments": len(comments),
        "distinct_ids": len(parents),
        "roots": sum(comment.parent_source_id is None for comment in comments),
        "replies": sum(comment.parent_source_id is not None for comment in comments),
        "orphans": sum(bool(parent) and parent not in parents for parent in parents.values()),
        "max_depth": max((depth(source_id, parents) for source_id in parents), default=0),
        "status": dict(Counter(comment.status for comment in comments)),
        "types": dict(Counter(comment.kind for comment in comments)),
        "empty_text": sum(not comment.body for comment in comments),
        "no_email": sum(not comment.email for comment in comments),
    }


def depth(source_id: str, parents: dict[str, str | None]) -> int:
    """The number of a comment's ancestors in the file."""
    seen = {source_id}
    while (parent := parents.get(source_id)) in parents and parent is not None and parent not in seen:
        seen.add(parent)
        source_id = parent
    return len(seen) - 1
