"""The archive of a site: its tables and how lines are written."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ColumnElement, Select, Table, false, func, select, union

from app.database import no_index
from app.extensions import db
from app.lib.secrets import candidates, is_unreadable
from app.models import (
    Author,
    ChainDay,
    ChainEntry,
    Checker,
    Comment,
    Decision,
    LegalHold,
    ListLine,
    ListSubscription,
    Moderator,
    Note,
    Notice,
    NoticeEvent,
    Pick,
    Report,
    Revision,
    Rule,
    SecondOpinion,
    Site,
    State,
    Subject,
    Subscription,
    Thread,
    ThreadAlias,
    ThreadChange,
    Unsubscribe,
    Wording,
)
from app.transfer.left_out import FETCHED, KEYED, OWNER, RECOMPUTED, RETRAINED, SITE_LEFT_OUT, TREE, TRUST
from app.transfer.left_out import LEFT_OUT as LEFT_OUT
from app.transfer.list_values import checked_line

FORMAT, VERSION = "kaiwa", 1
BATCH = 500  # rows in memory

Row = dict[str, Any]
Shift = Mapping[str, int]


@dataclass(frozen=True)
class ArchivedTable:
    """A table with all columns but `left_out`, which maps each to the reason.

    `created_column` identifies rows: a row with the same id and creation time is the same row. `hash_flags` are facts
    about keyed hashes that need no key. `numbers` maps values that contain an id to the table they refer to.
    """

    record: type[Any]
    created_column: str
    left_out: Mapping[str, str]
    numbers: Callable[[Row], Mapping[str, str]] = field(default=lambda _row: {})
    hash_flags: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)
    # A row as it may leave the installation.
    kept: Callable[[Row], Row] = field(default=lambda row: row)
    # Columns with another name in archives from before 0.1.0.
    former_names: Mapping[str, str] = field(default_factory=dict)
    # A row of such an archive whose columns do not only have other names.
    converted: Callable[[Row], Row] = field(default=lambda row: row)

    @property
    def table(self) -> Table:
        table: Table = self.record.__table__
        return table

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def columns(self) -> list[Column[Any]]:
        return [column for column in self.table.columns if column.name not in self.left_out]

    def of_site(self, site: Site) -> Select[Any]:
        """All rows of the site by id."""
        hash_flags = [said.label(name) for name, said in self.hash_flags.items()]
        return select(*self.columns, *hash_flags).where(of(self.table.c.site_id, site)).order_by(self.table.c.id)


def of(column: Any, site: Site) -> ColumnElement[bool]:
    """Rows of the site in order of ids: without the site's index, no sort is needed."""
    return no_index(column) == site.id


def _is(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return func.coalesce(condition, false(), type_=Boolean())


def _with_state(row: Row) -> Row:
    """Threads had two flags before they had a state."""
    if "state" in row:
        return row
    hidden, closed = row.get("visible") is False, row.get("open") is False
    return row | {"state": State.HIDDEN if hidden else State.CLOSED if closed else State.OPEN}


# Referenced tables first.
TABLES = (
    ArchivedTable(
        Thread,
        created_column="created_at",
        left_out={**OWNER, "approved_count": "counted again"},
        converted=_with_state,
    ),
    ArchivedTable(ThreadAlias, created_column="made_at", left_out=OWNER),
    ArchivedTable(ThreadChange, created_column="made_at", left_out=OWNER),
    ArchivedTable(
        Author,
        created_column="created_at",
        left_out={
            **OWNER,
            **dict.fromkeys(("email_index", "confirmed_index", "member_index"), RECOMPUTED),
            **dict.fromkeys(("vouched_index", "network_index", "traits_index"), TRUST),
        },
        hash_flags={"confirmed": _is(Author.email_index == Author.confirmed_index), "silent": false()},
    ),
    ArchivedTable(
        Comment,
        created_column="created_at",
        left_out={
            **OWNER,
            **dict.fromkeys(("root_id", "path", "depth"), TREE),
            "approved_descendants": "counted again",
            "address_index": RECOMPUTED,
            "wide_index": "counts the floods of the last minutes",
            **dict.fromkeys(("trained_as", "residual", "learnt_slots"), RETRAINED),
            **dict.fromkeys(("request_key", "request_digest", "fingerprint", "typed_by", "text_key"), KEYED),
        },
        former_names={"features": "facts"},
    ),
    ArchivedTable(
        Subscription,
        created_column="made_at",
        left_out={**OWNER, **dict.fromkeys(("told_id", "told_at"), "emails are never sent again")},
    ),
    ArchivedTable(Revision, created_column="replaced_at", left_out=OWNER),
    ArchivedTable(Decision, created_column="made_at", left_out={**OWNER, "residual": RETRAINED}),
    ArchivedTable(ChainEntry, created_column="content_digest", left_out=OWNER),
    ArchivedTable(ChainDay, created_column="closed_at", left_out=OWNER),
    ArchivedTable(
        SecondOpinion,
        created_column="given_on",
        left_out={**OWNER, "comment_id": "would tell whose decision it was", "discussed": "without a comment, no case"},
    ),
    ArchivedTable(Note, created_column="made_at", left_out=OWNER),
    ArchivedTable(Pick, created_column="made_at", left_out=OWNER),
    ArchivedTable(Notice, created_column="made_at", left_out=OWNER),
    ArchivedTable(NoticeEvent, created_column="made_at", left_out=OWNER),
    ArchivedTable(LegalHold, created_column="made_at", left_out=OWNER),
    ArchivedTable(
        Rule,
        created_column="made_at",
        left_out={**OWNER, "value_index": RECOMPUTED},
        # An unreadable value is empty, and its rule has ended.
        numbers=lambda row: {"value": "author"} if row["subject"] == Subject.AUTHOR and row["value"] else {},
    ),
    ArchivedTable(
        Checker,
        created_column="made_at",
        left_out={
            **OWNER,
            "secret": "grants access; a new one is made",
            **dict.fromkeys(("mode", "mode_since", "returned"), "off until it has a secret again"),
            **dict.fromkeys(("counted_from", "paused_until", "failures"), "measured again"),
        },
        kept=lambda row: _without_query(row),
    ),
    ArchivedTable(
        ListSubscription,
        created_column="made_at",
        left_out={**OWNER, **dict.fromkeys(("etag", "fetched_at", "trouble", "failures", "next_at"), FETCHED)},
    ),
    ArchivedTable(
        ListLine,
        created_column="made_at",
        left_out={**OWNER, "examples": "comments that are shown until a person has looked at the line"},
        converted=checked_line,
    ),
    ArchivedTable(Wording, created_column="made_at", left_out={**OWNER, "html": "rendered again"}),
    ArchivedTable(Report, created_column="made_at", left_out={**OWNER, "wide_index": KEYED}),
)
BY_NAME = {table.name: table for table in TABLES}
SITE_COLUMNS = [column for column in Site.__table__.columns if column.name not in SITE_LEFT_OUT]
# Name and email address of moderators only: the archive grants no access.
MODERATOR_COLUMNS = [Moderator.__table__.c.email, Moderator.__table__.c.name]


def lines(site: Site) -> Iterator[str]:
    """The archive's lines. Call it within `database.snapshot`."""
    yield _line(
        {"format": FORMAT, "version": VERSION, "tables": {table.name: _extent(table, site) for table in TABLES}}
    )
    yield _line({"type": "site", **_written(_row_of(SITE_COLUMNS, Site.id == site.id))})
    people = moderators_of(site)
    for row in sorted(people.values(), key=lambda row: str(row["email"])):
        yield _line({"type": "moderator", **row})
    emails = {id: row["email"] for id, row in people.items()}
    for table in TABLES:
        silences = Unsubscribe.of_site(site) if table.record is Author else frozenset()
        for row in _rows(table.of_site(site)):
            if table.record is Author:
                row["silent"] = not silences.isdisjoint(candidates([Author.index_of(site, row["email"])]))
            kept = with_ids(table, _written(table.kept(row)), _minus(site.archive_shift), emails)
            yield _line({"type": table.name, **kept})


def count_lines(site: Site) -> int:
    """Without the moderators, of which there are few."""
    return 2 + sum(_extent(table, site)["rows"] for table in TABLES)


def reference(column: Column[Any]) -> str | None:
    """The table that a foreign key refers to."""
    return next((key.column.table.name for key in column.foreign_keys), None)


def with_ids(table: ArchivedTable, row: Row, shift: Shift, moderators: Mapping[Any, Any]) -> Row:
    """The row with its ids shifted by table, and moderators replaced by `moderators`."""
    moved = dict(row)
    for column in table.columns:
        target = table.name if column.primary_key else reference(column)
        if target is None or row.get(column.name) is None:
            continue
        moved[column.name] = (
            moderators.get(row[column.name]) if target == "moderator" else row[column.name] + shift.get(target, 0)
        )
    for name, target in table.numbers(row).items():
        moved[name] = str(int(row[name]) + shift.get(target, 0))
    return moved


def moderators_of(site: Site) -> dict[int, Row]:
    """The moderators that the site's tables refer to, by id."""
    named = [
        table.of_site(site).with_only_columns(column).order_by(None)
        for table in TABLES
        for column in table.columns
        if reference(column) == "moderator"
    ]
    people = Moderator.id.in_(union(*named)), ~Moderator.is_program
    found = db.session.execute(select(Moderator.id, *MODERATOR_COLUMNS).where(*people))
    return {row.id: {"email": row.email, "name": row.name} for row in found if not is_unreadable(row.email)}


def _minus(shift: Shift) -> Shift:
    return {table: -by for table, by in shift.items()}


def _extent(table: ArchivedTable, site: Site) -> dict[str, int]:
    ids = table.of_site(site).with_only_columns(table.table.c.id).order_by(None).subquery()
    count, highest = db.session.execute(select(func.count(), func.max(ids.c.id))).one()
    return {"rows": count, "highest": (highest or 0) - site.archive_shift.get(table.name, 0) if count else 0}


def _row_of(columns: list[Column[Any]], condition: Any) -> Row:
    return dict(db.session.execute(select(*columns).where(condition)).mappings().one())


def _rows(query: Select[Any]) -> Iterator[Row]:
    for row in db.session.execute(query, execution_options={"yield_per": BATCH}).mappings():
        yield dict(row)


def _written(row: Row) -> Row:
    """As JSON. Unreadable values become empty; a rule with one is ended, because it would match everything."""
    if is_unreadable(row.get("value")):
        row |= {"ended_at": row["ended_at"] or row["made_at"]}
    return {name: _as_json(value) for name, value in row.items()}


def _without_query(row: Row) -> Row:
    """Of the address of a checker, whose query may be an access token."""
    return row if is_unreadable(row["url"]) else row | {"url": row["url"].partition("?")[0]}


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else "" if is_unreadable(value) else value


def _line(value: Row) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
