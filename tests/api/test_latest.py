"""The latest comments of a site: public ones only, newest first, and never a scan."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.comments import picks
from app.desk import sections
from app.extensions import db
from app.models import Moderator, Site, State, Status, Thread, newest_comments
from app.models.audit import Who
from app.models.section import Section
from app.moderation import articles
from bench import service
from tests.cast import ORIGIN, PAGE, Reader, a_site, move, the_comment

MATCH, CAKE = f"{ORIGIN}/sports/match", f"{ORIGIN}/food/cake"


def listed(client: FlaskClient, **asked: str) -> list[str]:
    answer = client.get("/api/v1/comments/latest", query_string={"site": "paper"} | asked)
    assert answer.status_code == 200
    return [each["excerpt"] for each in answer.json["comments"]]


def put(db_session: Session, site: Site, key: str, **more: Any) -> None:
    sections.put(db_session.get_one(Site, site.id), Section(key, key.title(), **more), by=Who.OPERATOR)
    db_session.commit()


def test_the_latest_comments_are_public_ones_and_gone_with_their_article_or_section(
    client: FlaskClient, db_session: Session, paper: Site, alice: Moderator
) -> None:
    put(db_session, paper, "sports", paths=("/sports",))
    reader = Reader(client)
    for number in range(22):
        assert reader.post(f"words {number}").status_code == 201
    reader.post("goal!", url=MATCH, title="The match")
    reader.post("yum & <yum>", url=CAKE)
    first = client.get("/api/v1/comments/latest", query_string={"site": "paper"})
    assert listed(client) == ["yum & <yum>", "goal!", *(f"words {number}" for number in range(21, 3, -1))]
    goal = first.json["comments"][1]
    assert (goal["name"], goal["html"].strip()) == ("Hanako", "<p>goal!</p>")
    assert goal["page"] == {"url": MATCH, "title": "The match"}
    assert goal["url"] == f"{MATCH}#comment-{the_comment(db_session, 'goal!').id}" and goal["created_at"]
    assert first.headers["Cache-Control"].startswith("public") and "Set-Cookie" not in first.headers
    assert first.headers["Access-Control-Allow-Origin"] == "*" and b"@" not in first.data
    again = {"If-None-Match": first.headers["ETag"]}
    assert client.get("/api/v1/comments/latest", query_string={"site": "paper"}, headers=again).status_code == 304
    for status in (Status.PENDING, Status.REJECTED, Status.SPAM, Status.DELETED):
        move(db_session, the_comment(db_session, "words 21"), status)
        assert "words 21" not in listed(client)
    articles.set_state(db_session.query(Thread).filter_by(key=CAKE).one(), State.HIDDEN, by=alice)
    db_session.commit()
    assert listed(client)[:2] == ["goal!", "words 20"]
    put(db_session, paper, "sports", paths=("/sports",), state=State.HIDDEN)
    assert listed(client)[0] == "words 20" and listed(client, section="sports") == []


def test_an_imported_comment_has_the_place_of_its_time(client: FlaskClient, db_session: Session, paper: Site) -> None:
    for words in ("first", "second", "of years ago"):
        Reader(client).post(words)
    old = the_comment(db_session, "of years ago")
    old.created_at -= timedelta(days=3000)
    db_session.commit()
    assert listed(client) == ["second", "first", "of years ago"]


def test_a_section_has_the_latest_comments_of_its_articles_and_no_claimed_ones(
    client: FlaskClient, db_session: Session, paper: Site, alice: Moderator
) -> None:
    put(db_session, paper, "sports", paths=("/sports",))
    other = a_site(db_session, "other", origins=["https://other.example"])
    put(db_session, other, "sports", paths=("/sports",))
    reader = Reader(client)
    reader.post("goal!", url=MATCH)
    reader.post("yum", url=CAKE)
    reader.post("claimed", section="sports")
    Reader(client, site="other", url="https://other.example/sports/x").post("elsewhere")
    assert listed(client) == ["claimed", "yum", "goal!"]
    assert listed(client, section="sports") == ["goal!"] and listed(client, site="other") == ["elsewhere"]
    for words in ("yum", "goal!"):
        picks.pick(the_comment(db_session, words), by=db_session.get_one(Moderator, alice.id))
        db_session.commit()
    assert listed(client, picked="1") == ["goal!", "yum"] and listed(client, picked="0")[0] == "claimed"
    assert listed(client, picked="1", section="sports") == ["goal!"]
    for asked in ({"site": "nosuch"}, {"section": "nosuch"}, {"section": "Sports"}, {"section": "x" * 5000}):
        refused = client.get("/api/v1/comments/latest", query_string={"site": "paper", "lang": "en"} | asked)
        assert (refused.status_code, refused.content_type) == (404, "application/problem+json")
    assert "Sections" in refused.json["errors"]["section"][0]


def test_a_quiet_section_is_looked_for_among_so_many_comments(
    client: FlaskClient, db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(db_session, paper, "sports", paths=("/sports",))
    for words, url in (("goal!", MATCH), ("one", PAGE), ("two", PAGE)):
        Reader(client).post(words, url=url)
    monkeypatch.setattr(newest_comments, "AMONG", 3)
    assert listed(client, section="sports") == ["goal!"]
    monkeypatch.setattr(newest_comments, "AMONG", 2)
    assert listed(client, section="sports") == [] and listed(client) == ["two", "one"]


def test_the_latest_comments_are_found_in_their_index(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    put(db_session, paper, "sports", paths=("/sports",))
    with service.recorded_statements(app) as asked:
        assert listed(client, section="sports") == []
    plans = []
    with app.app_context(), db.engine.connect() as connection:
        if db.engine.dialect.name == "postgresql":
            # The table is empty.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
        for query, given in asked:
            if "status = 'approved'" in query:
                plans.append(str(connection.exec_driver_sql(f"{explain} {query}", given).all()))
    assert len(plans) == 2
    for plan in plans:
        assert "ix_comment_latest" in plan and "B-TREE" not in plan and "Sort" not in plan, plan
