"""The audit log is only added to, and its hash chain names a row that was changed by hand."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text, update
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app.comments import person, person_erasure
from app.comments.person_erasure import Receipt
from app.database import snapshot
from app.extensions import db
from app.lib import chain
from app.models import AuditEvent, Role, Site, audit
from app.models.audit import Event, Who
from tests.cast import Reader, a_moderator

ROWS = 6
TRIGGERS = ("audit_event_changed", "audit_event_deleted")


@pytest.fixture
def log(db_session: Session, paper: Site) -> list[AuditEvent]:
    """A few events, the third one a log-in."""
    alice = a_moderator(db_session, paper, role=Role.OWNER)
    for number in range(1, ROWS + 1):
        event = Event.LOGIN if number == 3 else Event.SETTINGS_CHANGED
        audit.record(event, by=alice, site=paper, account=alice, network="192.0.2.0/24", number=number)
    db_session.commit()
    rows = list(db_session.query(AuditEvent).order_by(AuditEvent.id))
    db_session.commit()
    return rows


def verified() -> audit.Verified:
    with snapshot():
        return audit.verify()


def by_hand(db_session: Session, *statements: str) -> None:
    """As the owner of the database, who can remove triggers."""
    table = " ON audit_event" if db.engine.dialect.name == "postgresql" else ""
    for statement in (*(f"DROP TRIGGER {name}{table}" for name in TRIGGERS), *statements):
        db_session.execute(text(statement))


def test_an_event_has_its_actor_account_network_and_details(log: list[AuditEvent]) -> None:
    first = log[0]
    assert (first.event, first.site) == ("settings_changed", "paper")
    assert (first.actor, first.actor_name) == ("moderator", "Alice")
    assert first.account_id == first.actor_id and first.network == "192.0.2.0/24"
    assert first.said == {"number": 1}
    assert verified().ok and verified().chain.rows == ROWS


REFUSED = (
    "UPDATE audit_event SET details = '{}' WHERE id = 2",
    "UPDATE audit_event SET actor_name = 'Bob'",
    "UPDATE audit_event SET made_at = '2020-01-01 00:00:00'",
    "UPDATE audit_event SET event = '', details = '', salt = ''",
    "UPDATE audit_event SET content_digest = 'x', event = '', site = '', actor = '', actor_id = NULL, "
    "actor_name = '', account_id = NULL, network = '', details = '', salt = ''",
    "DELETE FROM audit_event WHERE id = 6",
)
# Without the triggers of updates and deletions.
REPLACED = (
    "INSERT OR REPLACE INTO audit_event SELECT id, made_at, event, site, actor, actor_id, 'Bob', account_id, network, "
    "details, salt, content_digest, chain_digest FROM audit_event WHERE id = 2"
)


def test_the_database_refuses_to_change_or_delete_rows(db_session: Session, log: list[AuditEvent]) -> None:
    on_sqlite = [REPLACED] if db.engine.dialect.name == "sqlite" else []
    for statement in (*REFUSED, *on_sqlite):
        with pytest.raises(DatabaseError, match="not changed"):
            db_session.execute(text(statement))
        db_session.rollback()
    assert verified().ok


CHANGED: list[tuple[list[str], int, str]] = [
    (["UPDATE audit_event SET details = '{\"number\": 9}' WHERE id = 4"], 4, "changed"),
    (["UPDATE audit_event SET details = 'no JSON', event = 'log_erased' WHERE id = 4"], 4, "changed"),
    (["UPDATE audit_event SET actor_name = 'Bob' WHERE id = 1"], 1, "changed"),
    (["UPDATE audit_event SET event = '', salt = '' WHERE id = 2"], 2, "changed"),
    (["DELETE FROM audit_event WHERE id = 1"], 1, "missing"),
    (["DELETE FROM audit_event WHERE id = 4"], 4, "missing"),
    (["DELETE FROM audit_event WHERE id >= 5"], 5, "missing"),
    (["DELETE FROM audit_event"], 1, "missing"),
    (["DELETE FROM audit_event WHERE id = 2", "UPDATE audit_event SET id = id - 1 WHERE id > 2"], 2, "changed"),
    (["UPDATE audit_event SET id = 92 WHERE id = 2", "UPDATE audit_event SET id = 2 WHERE id = 3",
      "UPDATE audit_event SET id = 3 WHERE id = 92"], 2, "changed"),
    (["UPDATE chain_head SET number = 5"], 6, "added"),
    (["UPDATE chain_head SET chain_digest = 'x'"], 6, "changed"),
]  # fmt: skip


def test_the_first_wrong_row_is_named(db_session: Session, log: list[AuditEvent]) -> None:
    for statements, wrong, problem in CHANGED:
        by_hand(db_session, *statements)
        found = audit.verify().chain
        db_session.rollback()
        assert (found.wrong, found.problem) == (wrong, problem), statements
    assert verified().ok


def test_a_log_that_was_rewritten_as_a_whole_is_found_by_an_earlier_head(
    app: Flask, db_session: Session, log: list[AuditEvent]
) -> None:
    head = f"{ROWS}:{log[-1].chain_digest}"
    run = app.test_cli_runner().invoke
    before = json.loads(run(args=["upkeep", "verify-log", "--expect", head, "--json"]).output)
    before.pop("decisions")
    assert before == {
        "ok": True, "rows": 6, "erased": 0, "erased_without_record": 0, "head": head, "wrong": None, "problem": None,
    }  # fmt: skip
    by_hand(db_session)
    digest = ""
    for row in log:
        row.actor_name = "Bob"
        row.content_digest = chain.digest(row.salt, row.content)
        digest = row.chain_digest = chain.link(digest, row.content_digest)
    db_session.execute(text(f"UPDATE chain_head SET chain_digest = '{digest}'"))  # noqa: S608
    db_session.commit()
    assert run(args=["upkeep", "verify-log"]).exit_code == 0
    done = run(args=["upkeep", "verify-log", "--expect", head])
    assert done.exit_code == 1 and "Row 6 was changed" in done.output
    assert run(args=["upkeep", "verify-log", "--expect", "6"]).exit_code == 2


def test_events_end_after_their_time_and_the_rest_can_be_verified(
    app: Flask, db_session: Session, log: list[AuditEvent]
) -> None:
    by_hand(db_session)
    _make_older(db_session, log, timedelta(days=91))
    run = app.test_cli_runner().invoke
    assert json.loads(run(args=["upkeep", "prune", "--dry-run", "--json"]).output)["audit"] == 1
    assert json.loads(run(args=["upkeep", "prune", "--json"]).output)["audit"] == 1
    db_session.expire_all()
    erased = db_session.get(AuditEvent, 3)
    assert erased and erased.is_erased and not erased.salt and erased.actor_id is None
    found = json.loads(run(args=["upkeep", "verify-log", "--json"]).output)
    assert found["ok"] and found["erased"] == 1 and found["rows"] == ROWS + 1
    assert json.loads(run(args=["upkeep", "prune", "--json"]).output)["audit"] == 0, "nothing more, and no new row"


def _make_older(db_session: Session, log: list[AuditEvent], age: timedelta) -> None:
    """As if the events were made earlier: with the digests of that time."""
    digest = ""
    for row in log:
        row.made_at -= age
        row.content_digest = chain.digest(row.salt, row.content)
        digest = row.chain_digest = chain.link(digest, row.content_digest)
    db_session.execute(text(f"UPDATE chain_head SET chain_digest = '{digest}'"))  # noqa: S608
    db_session.commit()


def test_rows_that_were_erased_by_hand_are_counted(app: Flask, db_session: Session, log: list[AuditEvent]) -> None:
    db_session.execute(update(AuditEvent).where(AuditEvent.id == 2).values(audit._ERASED))
    db_session.commit()
    assert verified().unrecorded == 1
    done = app.test_cli_runner().invoke(args=["upkeep", "verify-log"])
    assert done.exit_code == 1 and "without a record of it: 1" in done.output


def test_a_persons_address_in_the_log_is_erased_with_the_person(
    app: Flask, db_session: Session, log: list[AuditEvent], paper: Site
) -> None:
    reader = Reader(app.test_client())
    assert reader.post("Hello.").status_code == 201
    audit.record(Event.SETTINGS_CHANGED, by=Who.OPERATOR, site=paper, name="closed_text", to=f"Ask {reader.email}.")
    db_session.commit()
    for _step in person_erasure.erase(person.find(reader.email, paper), Receipt(), remove_text=False):
        db_session.commit()
    assert db_session.get(AuditEvent, ROWS + 1, populate_existing=True).is_erased
    assert reader.email not in str([row.details for row in db_session.query(AuditEvent)])
    assert verified().ok


def test_an_event_that_is_rolled_back_leaves_no_gap(db_session: Session, log: list[AuditEvent]) -> None:
    audit.record(Event.LOGOUT, by=Who.SYSTEM)
    db_session.rollback()
    audit.record(Event.LOGOUT, by=Who.SYSTEM)
    db_session.commit()
    assert verified().ok and verified().chain.rows == ROWS + 1


def test_events_of_many_processes_are_one_chain(app: Flask, db_session: Session) -> None:
    db_session.rollback()

    def record(number: int) -> None:
        with app.app_context():
            for _turn in range(5):
                audit.record(Event.LOGIN_FAILED, by=Who.VISITOR, number=number)
                db.session.commit()
            db.session.remove()

    with ThreadPoolExecutor(4) as crowd:
        list(crowd.map(record, range(4)))
    assert verified().ok and verified().chain.rows == 20


def test_long_and_strange_details_are_bounded(db_session: Session) -> None:
    audit.record(Event.SETTINGS_CHANGED, by=Who.SYSTEM, text="x\0\ud800" * 10_000, items=["y"] * 1_000, at={"z": 1})
    db_session.commit()
    (row,) = db_session.query(AuditEvent)
    assert len(row.details) < 5_000 and row.said["at"] == {"z": 1}
    assert verified().ok
