"""Removing a site deletes all its rows and none of another site."""

import json

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.comments import removal
from app.desk import members
from app.extensions import db
from app.models import DirtyComment, Membership, Moderator, Note, Role, Site, Status
from app.notify import events
from app.search import index
from tests.cast import Reader, a_moderator, a_site, move, the_comment

# Caches, and the audit log, which outlives the sites that it is about.
NOT_COUNTED = ("rate_limit", "dirty_comment", "search_segment", "segment_page", "audit_event", "chain_head")


def rows(db_session: Session) -> dict[str, int]:
    db_session.rollback()
    return {
        table.name: db_session.scalar(select(func.count()).select_from(table)) or 0
        for table in db.metadata.sorted_tables
        if table.name not in NOT_COUNTED
    }


def furnish(client: FlaskClient, db_session: Session, key: str) -> Site:
    """A site with a row in most tables."""
    origin = f"https://{key}.example"
    site = a_site(db_session, key, hold_all=True, origins=[origin])
    alice = a_moderator(db_session, site, f"alice-{key}", Role.OWNER)
    reader = Reader(client, site=key, url=f"{origin}/a", email=f"r@{key}.example")
    reader.post(f"first of {key}", notify="page")
    comment = the_comment(db_session, f"first of {key}")
    move(db_session, comment, Status.APPROVED, alice)
    move(db_session, comment, Status.SPAM, alice)
    move(db_session, comment, Status.APPROVED, alice)
    reader.post(f"answer of {key}", parent=str(comment.id))
    db_session.add(Note(site_id=comment.site_id, comment_id=comment.id, moderator_id=alice.id, text="note"))
    members.invite(site, f"new@{key}.example", Role.ADMIN, by=alice)
    events.flooded(site)
    db_session.commit()
    for number in index.dirty_segments():
        index.build(number)
        db_session.commit()
    return site


def test_everything_of_a_site_goes_and_nothing_of_another(app: Flask, client: FlaskClient, db_session: Session) -> None:
    furnish(client, db_session, "paper")
    before = rows(db_session)
    blog = furnish(client, db_session, "blog")
    both = db_session.scalars(select(Moderator).order_by(Moderator.id)).first()
    assert both
    both.memberships.append(Membership(site=blog, role=Role.MODERATOR))
    db_session.commit()
    taken = removal.extent(blog)
    assert (taken.threads, taken.comments, taken.moderators) == (1, 2, ["alice-blog@moderators.example"])
    done = app.test_cli_runner().invoke(args=["site", "remove", "blog", "--yes", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["comments"] == 2
    assert rows(db_session) == before
    db_session.expire_all()
    assert Site.with_key("blog") is None and the_comment(db_session, "first of paper").site_id
    assert db_session.scalar(select(func.count()).select_from(DirtyComment)) == 0
    assert (
        client.get("/embed/thread", query_string={"site": "blog", "url": "https://blog.example/a"}).status_code == 404
    )


def test_many_batches_and_an_interruption(app: Flask, client: FlaskClient, db_session: Session, monkeypatch) -> None:
    monkeypatch.setattr(removal, "BATCH", 1)
    furnish(client, db_session, "paper")
    before = rows(db_session)
    blog = furnish(client, db_session, "blog")
    for _rows, _step in zip(removal.remove(blog.id), range(12), strict=False):
        db_session.commit()
    db_session.rollback()
    site = Site.with_key("blog")
    assert site and not site.open
    assert app.test_cli_runner().invoke(args=["site", "remove", "blog", "--yes"]).exit_code == 0
    assert rows(db_session) == before


def test_it_asks_and_takes_no_for_an_answer(app: Flask, client: FlaskClient, db_session: Session) -> None:
    empty = rows(db_session)
    furnish(client, db_session, "paper")
    before = rows(db_session)
    runner = app.test_cli_runner()
    asked = runner.invoke(args=["site", "remove", "paper"], input="n\n")
    assert asked.exit_code == 1 and "1 threads, 2 comments" in asked.output and "alice-paper@" in asked.output
    assert runner.invoke(args=["site", "remove", "paper", "--json"]).exit_code == 1
    assert runner.invoke(args=["site", "remove", "nowhere", "--yes"]).exit_code == 1
    assert rows(db_session) == before
    assert runner.invoke(args=["site", "remove", "paper"], input="y\n").exit_code == 0
    assert rows(db_session) == empty


def test_an_account_that_others_history_names_stays(app: Flask, client: FlaskClient, db_session: Session) -> None:
    furnish(client, db_session, "paper")
    blog = furnish(client, db_session, "blog")
    former = a_moderator(db_session, blog, "former")
    move(db_session, the_comment(db_session, "first of paper"), Status.REJECTED, former)
    assert app.test_cli_runner().invoke(args=["site", "remove", "blog", "--yes"]).exit_code == 0
    db_session.expire_all()
    assert [each.name for each in db_session.scalars(select(Moderator).order_by(Moderator.id))] == [
        "Alice-Paper",
        "Former",
    ]
