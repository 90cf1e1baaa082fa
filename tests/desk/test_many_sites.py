"""Accounts with many sites, and sites with many sections: a statement does not grow with their number."""

import sqlite3
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.desk import audit_log, queue
from app.desk.audit_log import AuditFilter
from app.models import Comment, Decision, Membership, Moderator, Role, Site, ThreadChange, audit, section_scope
from app.models.audit import Event, Who
from tests.cast import a_moderator, a_site

SITES = 120
# SQLite's own limit is 1,000 terms.
MOST_TERMS = 100


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def with_many_sites(db_session: Session, me: Moderator, **membership: Any) -> Moderator:
    sites = [{"key": f"site-{n}", "name": "Site", "origins": []} for n in range(SITES)]
    ids = db_session.scalars(insert(Site).returning(Site.id), sites).all()
    db_session.execute(insert(Membership), [{"moderator_id": me.id, "site_id": id} | membership for id in ids])
    db_session.commit()
    db_session.refresh(me)
    raw: Any = db_session.connection().connection.driver_connection
    raw.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, MOST_TERMS)
    return me


def test_an_owner_of_many_sites_reads_the_audit_log(db_session: Session, alice: Moderator) -> None:
    a_moderator(db_session, a_site(db_session, "other"), "bob", Role.OWNER)
    me = with_many_sites(db_session, alice, role=Role.OWNER)
    for key in ("other", "site-1"):
        site = db_session.query(Site).filter_by(key=key).one()
        audit.record(Event.PERSON_ERASED, by=Who.OPERATOR, site=site)
    db_session.flush()
    assert [each.site for each in audit_log.events_for(me, AuditFilter()).events] == ["site-1"]
    assert audit_log.people_of(me) == [me]


def test_a_moderator_of_sections_on_many_sites_sees_the_comments(db_session: Session, alice: Moderator) -> None:
    me = with_many_sites(db_session, alice, role=Role.MODERATOR, sections=["news", "sports"])
    assert set(queue.counts(me).values()) == {0}
    decisions = section_scope.about_comments(me, Decision.site_id, Decision.comment_id)
    changes = section_scope.about_threads(me, ThreadChange.site_id, ThreadChange.thread_id)
    for query in (
        select(Comment.id).where(*section_scope.comments_of(me)),
        select(Decision.id).where(*decisions),
        select(ThreadChange.id).where(*changes),
    ):
        assert db_session.scalars(query).all() == []


def test_the_sections_of_a_moderator_are_looked_up_by_index(db_session: Session, alice: Moderator) -> None:
    alice.memberships[0].sections = ["news", "sports"]
    db_session.flush()
    query = select(Comment.id).where(*section_scope.in_sections_of(alice))
    sent = query.compile(db_session.get_bind(), compile_kwargs={"literal_binds": True})
    plan = db_session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sent}")
    steps = [row[3] for row in plan if " thread " in row[3]]
    assert steps and all("ix_thread_section (site_id=? AND section=?)" in step for step in steps), steps
