"""A program covers passages, takes that back, picks and snoozes, as a moderator does at the desk."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Comment, Revision, Site
from tests.cast import PAGE, Program, Reader, a_site, the_comment

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def comment(client: FlaskClient, paper: Site, db_session: Session) -> Comment:
    Reader(client).post("Taro Yamada lives there.")
    return the_comment(db_session, "Taro Yamada lives there.")


@ONE_DATABASE
def test_passages_are_covered_and_uncovered(program: Program, comment: Comment, db_session: Session) -> None:
    path, sent = f"/comments/{comment.id}", {"words": ["Taro Yamada"], "seen": comment.version}
    made = program.post(f"{path}/cover", sent)
    assert (made.status_code, made.json["reason"], made.json["moderator"]) == (200, "covered", "CMS")
    assert program.post(f"{path}/cover", sent).json["id"] == made.json["id"], "sent again, it counts once"
    shown = program.get(path).json
    assert "Taro" not in shown["body"] + shown["html"] and "lives there" in shown["body"]
    conflict = program.post(f"{path}/cover", sent | {"words": ["lives"]})
    assert (conflict.status_code, conflict.json["code"]) == (409, "already_decided")
    assert conflict.json["current"]["version"] == shown["version"]
    for words, status in (([], 422), (["nowhere"], 422), (["x"] * 21, 422), ([" ", "\n"], 422), ("x", 422),
                          (["Taro\nlives"], 422), (["lives\u2028there"], 422)):  # fmt: skip
        assert program.post(f"{path}/cover", {"words": words, "seen": shown["version"]}).status_code == status, words
    assert program.post(f"{path}/uncover", {"seen": comment.version}).status_code == 409
    assert program.post(f"{path}/uncover", {"seen": shown["version"]}).json["reason"] == "uncovered"
    assert program.get(path).json["body"] == "Taro Yamada lives there." and db_session.query(Revision).count() == 0


@ONE_DATABASE
def test_a_comment_is_picked_and_no_longer(
    client: FlaskClient, program: Program, comment: Comment, db_session: Session
) -> None:
    path, page = f"/comments/{comment.id}/pick", {"site": "paper", "url": PAGE}
    assert program.post(path, {"picked": True}).json["picked"] and program.post(path, {}).json["picked"]
    assert len(client.get("/api/v1/picks", query_string=page).json["picks"]) == 1
    assert not program.post(path, {"picked": False}).json["picked"]
    decided = {"status": "rejected", "seen": program.get(f"/comments/{comment.id}").json["version"]}
    program.post(f"/comments/{comment.id}/decisions", decided)
    refused = program.post(path, {"picked": True})
    assert (refused.status_code, refused.json["code"]) == (409, "not_public")


@ONE_DATABASE
def test_a_snoozed_comment_is_left_out_of_the_queue_of_its_token(
    program: Program, helper: Program, comment: Comment, db_session: Session
) -> None:
    program.post(f"/comments/{comment.id}/decisions", {"status": "pending", "seen": comment.version})
    assert program.post(f"/comments/{comment.id}/snooze", {}).json == {"comment": comment.id, "snoozed": True}

    def queue_of(each: Program, **query: str) -> list[int]:
        return [found["id"] for found in each.get("/queue", **query).json["comments"]]

    assert queue_of(program) == [] and queue_of(helper) == queue_of(program, snoozed="true") == [comment.id]
    assert not program.post(f"/comments/{comment.id}/snooze", {"back": True}).json["snoozed"]
    assert queue_of(program) == [comment.id]
