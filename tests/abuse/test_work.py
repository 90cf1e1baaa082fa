"""A proof of work publishes a comment held only on suspicion of a bot; without it the comment waits."""

import base64
import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import altcha
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import proof_of_work
from app.lib import clock
from app.models import Site, Status
from tests.cast import Reader, a_moderator, a_site, move, the_comment

ODD = {"stamp": "odd"}


pytestmark = pytest.mark.usefixtures("cheap_challenges")


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, min_seconds=2)


@pytest.fixture
def hanako(client: FlaskClient, paper: Site) -> Reader:
    return Reader(client)


def challenge_in(answer: TestResponse) -> dict[str, Any] | None:
    found = re.search(r"data-challenge='([^']+)'", answer.text)
    return json.loads(unescape(found[1])) if found else None


def solved(challenge: dict[str, Any] | None, **changed: Any) -> str:
    assert challenge, "no challenge came"
    known = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(known)
    assert solution
    payload = altcha.Payload(known, solution).to_dict()
    payload["challenge"]["parameters"] |= changed
    return base64.b64encode(json.dumps(payload).encode()).decode()


def proves(reader: Reader, id: int, payload: str, **more: str) -> TestResponse:
    fields = reader.fields(token=reader.token, altcha=payload) | more
    return reader.client.post(f"/embed/comments/{id}/proof", data=fields)


def test_a_proof_publishes_what_only_doubts_held(hanako: Reader, db_session: Session) -> None:
    answer = hanako.post("by hand", **ODD)
    comment = the_comment(db_session, "by hand")
    assert (answer.status_code, comment.status) == (202, Status.PENDING)
    proven = proves(hanako, comment.id, solved(challenge_in(answer)))
    assert proven.status_code == 201 and challenge_in(proven) is None
    comment = the_comment(db_session, "by hand")
    checks = [reason["check"] for reason in comment.reasons]
    assert comment.status == Status.APPROVED
    assert checks[0] == "timing" and checks[-1] == "work", "the doubt can still be read"
    assert "by hand" in hanako.get_thread().text


@pytest.mark.parametrize(("ticked", "told"), [("", "you can’t edit or delete"), ("y", "This browser remembers")])
def test_after_the_proof_the_link_is_explained_as_before(
    hanako: Reader, db_session: Session, ticked: str, told: str
) -> None:
    answer = hanako.post("by hand", lang="en", remember=ticked, **ODD)
    given = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.text.split("</form>")[0]))
    id, payload = the_comment(db_session, "by hand").id, solved(challenge_in(answer))
    proven = hanako.client.post(f"/embed/comments/{id}/proof", data=given | {"altcha": payload})
    assert proven.status_code == 201 and "Your comment is live." in proven.text and told in proven.text


@pytest.mark.parametrize("asks", [{"hold_all": True}, {"approvals_needed": 1}, {"min_seconds": 0}])
def test_no_challenge_without_effect(hanako: Reader, paper: Site, db_session: Session, asks: dict[str, Any]) -> None:
    """No challenge if the comment is public, or also held for another reason."""
    for name, value in asks.items():
        setattr(paper, name, value)
    db_session.commit()
    assert challenge_in(hanako.post("by hand", **ODD)) is None


def test_an_invalid_proof_changes_nothing(
    app: Flask, hanako: Reader, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = challenge_in(Reader(app.test_client(), "Taro", "t@readers.example").post("another", **ODD))
    answer = hanako.post("by hand", **ODD)
    id, challenge = the_comment(db_session, "by hand").id, challenge_in(answer)
    good = solved(challenge)
    data = json.loads(base64.b64decode(good))
    expired = clock.now() - proof_of_work.LASTS - timedelta(seconds=5)
    with app.app_context(), monkeypatch.context() as past:
        past.setattr(proof_of_work, "now", lambda: expired)
        old = proof_of_work.challenge(the_comment(db_session, "by hand"))
    db_session.commit()
    wrong = [
        "", "x", "あ", good[:-8], "e30=", base64.b64encode(b"[" * 3000).decode(), "A" * 5000,
        solved(challenge, cost=0), solved(challenge, keyPrefix=""), solved(challenge, expiresAt=9999999999),
        solved(other), solved(old),
        base64.b64encode(json.dumps(data | {"solution": {"counter": 0, "derivedKey": "00" * 32}}).encode()).decode(),
        base64.b64encode(json.dumps(data | {"solution": None}).encode()).decode(),
    ]  # fmt: skip
    for payload in wrong:
        assert proves(hanako, id, payload).status_code == 400, payload
    assert proves(hanako, id, good, token="forged").status_code == 403
    assert the_comment(db_session, "by hand").status == Status.PENDING
    assert proves(hanako, id, good).status_code == 201, "the real one still works"


def test_a_proof_works_once(hanako: Reader, db_session: Session) -> None:
    answer = hanako.post("by hand", **ODD)
    id, good = the_comment(db_session, "by hand").id, solved(challenge_in(answer))
    assert [proves(hanako, id, good).status_code for _ in range(2)] == [201, 400]
    again = hanako.client.post(f"/embed/comments/{id}/edit", data=hanako.fields(token=hanako.token, body="edited"))
    assert again.status_code == 200
    assert proves(hanako, id, good).status_code == 400, "nor for other words"


def test_a_flood_that_computes_publishes_no_more_than_is_normal(
    client: FlaskClient, paper: Site, db_session: Session
) -> None:
    paper.flood_per_site, paper.min_seconds = 3, 0
    db_session.commit()
    published = []
    for number in range(10):
        reader = Reader(client, f"Reader {number}", f"{number}@readers.example")
        answer = reader.post(f"flood {number}")
        if challenge := challenge_in(answer):
            assert challenge["parameters"]["cost"] == proof_of_work.COST_UNDER_PRESSURE
            answer = proves(reader, the_comment(db_session, f"flood {number}").id, solved(challenge))
        published.append(answer.status_code)
    assert published == [201] * 6 + [202] * 4, "three by themselves, three by proof, the rest waits"


def test_a_moderator_who_was_faster_stands(hanako: Reader, paper: Site, db_session: Session) -> None:
    answer = hanako.post("by hand", **ODD)
    comment, good = the_comment(db_session, "by hand"), solved(challenge_in(answer))
    move(db_session, comment, Status.REJECTED, by=a_moderator(db_session, paper))
    assert proves(hanako, comment.id, good).status_code == 400
    assert the_comment(db_session, "by hand").status == Status.REJECTED


def test_a_score_that_is_not_sure_is_a_doubt_too(hanako: Reader, db_session: Session) -> None:
    answer = hanako.post("by hand", **ODD)
    comment, good = the_comment(db_session, "by hand"), solved(challenge_in(answer))
    unsure = {"check": "score", "verdict": "hold", "score": 0.6, "band": "hold", "signals": []}
    comment.reasons = [unsure]
    db_session.commit()
    assert proves(hanako, comment.id, good).status_code == 201
    assert the_comment(db_session, "by hand").reasons[0] == unsure | {"verdict": "pass"}
