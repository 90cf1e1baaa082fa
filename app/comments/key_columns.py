"""Columns that depend on SECRET_KEY, and how blind indexes are recomputed under a new key."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Column, Table

from app.comments.retention import FORGOTTEN
from app.extensions import db
from app.lib.secrets import DIGEST_LENGTH, BlindIndex, Encrypted, Index
from app.models import Author, Comment, Moderator, Site, Subject
from app.screening import rules

# For hashes that recognise a repeated post, report or email within a day.
OUTDATED_AFTER = timedelta(days=2)

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Recomputed:
    """Recomputed from the row's decrypted values; NULL if it does not match them."""

    of: Callable[[Site | None, Values], Index | None]
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expiring:
    """Of a value that is not stored: `forgotten` replaces it after OUTDATED_AFTER."""

    created: str
    forgotten: Callable[[int], str | None] = lambda _id: None


@dataclass(frozen=True)
class ByAuthor:
    """Recomputed from an author of the site with this address."""


def _of_email(site: Site | None, row: Values) -> Index | None:
    return Author.index_of(site, row["email"]) if site and row["email"] else None


def _of_member(site: Site | None, row: Values) -> Index | None:
    return Author.index_of_member(site, row["member_sub"]) if site and row["member_sub"] else None


def _of_identity(_site: Site | None, row: Values) -> Index | None:
    return Author.vouched_by(row["id"], row["name"], row["email"] or "", row["website"])


def _of_network(index_of: Callable[[Site, str], Index | None], site: Site | None, row: Values) -> Index | None:
    return index_of(site, row["address"]) if site and row["address"] else None


def _of_rule(site: Site | None, row: Values) -> Index | None:
    return rules.index_of(site, Subject(row["subject"]), row["value"]) if site and row["value"] else None


_OF_COMMENT = Expiring("created_at")
# A test fails for a blind index without an entry.
STRATEGIES: dict[str, Recomputed | Expiring | ByAuthor] = {
    "api_answer.request_key": Expiring("made_at"),
    "api_answer.request_digest": Expiring("made_at"),
    "author.email_index": Recomputed(_of_email),
    "author.confirmed_index": Recomputed(_of_email),
    "author.vouched_index": Recomputed(_of_identity, also=("name", "website")),
    "author.member_index": Recomputed(_of_member),
    # Set again by the next comment.
    "author.network_index": Expiring("created_at"),
    "author.traits_index": Expiring("created_at"),
    "comment.address_index": Recomputed(partial(_of_network, Comment.network_index)),
    "comment.wide_index": Recomputed(partial(_of_network, Comment.wide_index_of)),
    "comment.request_key": _OF_COMMENT,
    "comment.request_digest": _OF_COMMENT,
    "comment.fingerprint": _OF_COMMENT,
    "comment.typed_by": _OF_COMMENT,
    "comment.text_key": _OF_COMMENT,
    "delivery.recipient": Expiring("created_at"),
    "moderator.email_index": Recomputed(lambda _site, row: Moderator.index_of(row["email"]) if row["email"] else None),
    "report.reporter_index": Expiring("made_at", lambda id: f"{FORGOTTEN}{id}"),
    "report.wide_index": Expiring("made_at"),
    "rule.value_index": Recomputed(_of_rule, also=("subject",)),
    "unsubscribe.email_index": ByAuthor(),
    "vote.voter_index": Expiring("made_at", lambda id: f"{FORGOTTEN}{id}"),
}


def tables() -> list[Table]:
    return [table for table in db.metadata.sorted_tables if encrypted(table) or indexed(table)]


def encrypted(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, Encrypted)]


def indexed(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, BlindIndex)]


def columns_needed(name: str) -> tuple[str, ...]:
    strategy = STRATEGIES[name]
    if isinstance(strategy, Recomputed):
        return strategy.also
    return (strategy.created,) if isinstance(strategy, Expiring) else ()


def is_stale(stored: str | None, tag: str) -> bool:
    """True if a blind index was computed under another key than that of `tag`; false for a forgotten one."""
    return stored is not None and len(stored) >= DIGEST_LENGTH and not stored.startswith(f"{tag}.")
