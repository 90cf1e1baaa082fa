"""A write with an Idempotency-Key is done once: the same request again gets the first answer, from the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.api import rules, transfers
from app.lib.clock import now
from app.lib.metrics import REGISTRY
from app.models import ApiAnswer, Comment, Decision, Job, Note, Rule, Site, ThreadChange, Webhook, api_answer
from tests.cast import PAGE, Program, Reader, a_site, a_token, the_comment

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
RULE = {"subject": "word", "value": "ferry", "effect": "hold"}
HOOK = {"name": "CMS", "url": "https://cms.example/kaiwa", "events": ["comment.held"]}
CHECKER = {"name": "Model", "url": "https://model.example/check"}
MEMBER = {"site": "paper", "url": PAGE, "body": "By a program", "member": {"sub": "4711", "name": "Hanako"}}


def key(value: str = "one") -> dict[str, str]:
    return {"Idempotency-Key": value}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, lang="en")


@pytest.fixture
def comment(app: Flask, paper: Site, db_session: Session) -> Comment:
    Reader(app.test_client()).post("The ferry stays")
    return the_comment(db_session, "The ferry stays")


def test_the_same_request_gets_the_first_answer_and_another_one_is_refused(
    app: Flask, program: Program, comment: Comment, paper: Site, db_session: Session
) -> None:
    first = program.post("/webhooks", HOOK, **key())
    assert first.status_code == 201 and first.json["secret"].startswith("whsec_")
    path = f"/webhooks/{first.json['webhook']['id']}"
    renamed = program.post(path, {"name": "Other"}, **key("two"))
    again = program.post("/webhooks", HOOK, **key())
    assert (again.status_code, again.data, again.mimetype) == (201, first.data, "application/json")
    assert program.post(path, {"name": "Other"}, **key("two")).data == renamed.data
    others = [
        program.post("/webhooks", HOOK | {"name": "X"}, **key()), program.post("/checkers", CHECKER, **key()),
        program.post("/webhooks?x=1", HOOK, **key()), program.post("/webhooks", None, **key()),
    ]  # fmt: skip
    assert [(each.status_code, each.json["code"]) for each in others] == [(422, "key_reused")] * 4
    assert program.post("/webhooks", HOOK).json["secret"] != first.json["secret"], "without a key it is another one"
    other = Program(app.test_client(), a_token(db_session, paper, name="Backup"))
    assert other.post("/webhooks", HOOK, **key()).json["webhook"]["id"] != first.json["webhook"]["id"]
    assert db_session.query(Webhook).count() == 3
    # Only keyed hashes and encrypted answers are stored.
    stored = repr(db_session.execute(text("SELECT * FROM api_answer")).all())
    assert len(db_session.query(ApiAnswer).all()) == 3
    for clear in ("CMS", "whsec_", "cms.example", "'one'", "webhook"):
        assert clear not in stored


@ONE_DATABASE
def test_every_write_takes_a_key(program: Program, comment: Comment, db_session: Session, client: FlaskClient) -> None:
    id, thread = comment.id, comment.thread_id
    writes: list[tuple[str, dict[str, Any] | None, Any]] = [
        ("/rules", RULE, Rule), ("/checkers", CHECKER, None), ("/imports", {"name": "a.xml", "size": 9}, Job),
        ("/exports", {"format": "csv"}, Job), (f"/comments/{id}/notes", {"text": "Asked"}, Note),
        (f"/comments/{id}/decisions", {"status": "approved", "seen": comment.version}, Decision),
        (f"/threads/{thread}/state", {"state": "closed"}, ThreadChange), ("/settings", {"settings": {}}, None),
        (f"/authors/{comment.author_id}/trust", {"effect": "allow"}, None), ("/rules", RULE | {"dry_run": True}, Rule),
        ("/queue/leases", {"comments": [id]}, None),
    ]  # fmt: skip
    for number, (path, body, record) in enumerate(writes):
        first = program.post(path, body, **key(f"{number}"))
        assert first.status_code < 300, (path, first.json)
        count = db_session.query(record).count() if record else 0
        db_session.commit()
        again = program.post(path, body, **key(f"{number}"))
        assert (again.status_code, again.data) == (first.status_code, first.data), path
        assert not record or db_session.query(record).count() == count, path
        db_session.commit()
    described = client.get("/api/v1/openapi.json").json["paths"]
    with_key = {
        (path, verb) for path, verbs in described.items() for verb, told in verbs.items()
        for told in (told, told.get("x-with-token", {}))
        for each in told.get("parameters", ()) if each["name"] == "Idempotency-Key" and "422" in told["responses"]
    }  # fmt: skip
    posts = {(path, "post") for path, verbs in described.items() if "post" in verbs}
    assert posts - with_key == {("/exports/{id}/download", "post")} and len(with_key) > 30


@ONE_DATABASE
def test_a_comment_of_a_member_is_recognised_by_the_same_mechanism(program: Program, db_session: Session) -> None:
    counted = partial(REGISTRY.get_sample_value, "kaiwa_posts_total", {"verdict": "pending"})
    before = counted() or 0
    first, again = program.post("/comments", MEMBER, **key()), program.post("/comments", MEMBER, **key())
    assert counted() == before + 1, "in the metrics as those of readers"
    assert first.status_code == 202 and (again.status_code, again.data) == (202, first.data)
    assert program.post("/comments", MEMBER | {"body": "Other"}, **key()).json["code"] == "key_reused"
    assert db_session.query(Comment).one().request_key is None


def test_two_requests_at_once_with_one_key_write_once(app: Flask, program: Program, db_session: Session) -> None:
    programs, gate = [Program(app.test_client(), program.secret) for _ in range(4)], Barrier(4)

    def send(each: Program) -> tuple[int, bytes]:
        gate.wait(30)
        answer = each.post("/webhooks", HOOK, **key())
        return answer.status_code, answer.data

    db_session.commit()
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(send, programs))
    assert len(answers) == 1 and next(iter(answers))[0] == 201
    assert db_session.query(Webhook).count() == db_session.query(ApiAnswer).count() == 1


def test_what_fails_writes_nothing_and_may_be_tried_again(
    program: Program, comment: Comment, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/comments/{comment.id}/decisions"
    wrong = {"status": "approved", "seen": comment.version + 1}
    assert program.post(path, wrong, **key()).status_code == 409
    assert program.post("/rules", RULE | {"days": -1}, **key()).status_code == 422
    assert program.post("/rules", RULE, **key()).status_code == 201, "the key is not used up"
    assert db_session.query(ApiAnswer).count() == 1
    db_session.commit()
    with monkeypatch.context() as broken:
        broken.setattr(rules, "shown", lambda rule: 1 // 0)
        assert program.post("/rules", RULE | {"value": "boat"}, **key("boat")).status_code == 500
    assert db_session.query(Rule).count() == 1, "the answer is stored with the write, or neither is"
    db_session.commit()
    assert program.post("/rules", RULE | {"value": "boat"}, **key("boat")).status_code == 201


@ONE_DATABASE
def test_answers_are_kept_for_a_day_within_bounds(
    program: Program, comment: Comment, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = {"comments": [{"id": comment.id, "seen": comment.version}], "status": "spam"}
    with monkeypatch.context() as small:
        small.setattr(api_answer, "SMALL", 0)
        small.setattr(api_answer, "LONGEST", 10)
        first = program.post("/decisions", batch, **key("long")).json
        assert program.post("/decisions", batch, **key("long")).json["decided"][0]["id"] == first["decided"][0]["id"]
        assert db_session.query(Decision).count() == 2 and db_session.query(ApiAnswer).one().body == ""
        db_session.commit()
    for number in range(4):
        program.post("/webhooks", HOOK, **key(f"{number}"))
    sizes = [each.size for each in db_session.query(ApiAnswer).order_by(ApiAnswer.id)]
    monkeypatch.setattr(api_answer, "MOST_OF_TOKEN", sum(sizes[-2:]) + 1)
    assert ApiAnswer.forget_old() == 3
    db_session.commit()
    assert program.post("/webhooks", HOOK, **key("3")).status_code == 201 and db_session.query(Webhook).count() == 4
    db_session.query(ApiAnswer).update({"made_at": now() - timedelta(hours=25)})
    db_session.commit()
    assert program.post("/webhooks", HOOK | {"name": "Later"}, **key("3")).status_code == 201, "after a day it is new"
    assert db_session.query(ApiAnswer).count() == 2 and ApiAnswer.forget_old() == 1
    db_session.rollback()


@ONE_DATABASE
def test_a_file_is_deleted_only_once_its_job_is(
    program: Program, paper: Site, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, gone = program.post("/exports", {"format": "csv"}).json["id"], list[tuple[str, int]]()
    program.post(f"/imports/{job}/stop")
    stored = select(func.count()).select_from(ApiAnswer)
    monkeypatch.setattr(transfers.files, "remove", lambda name: gone.append((name, db_session.scalar(stored))))
    file = db_session.get_one(Job, job).file
    db_session.commit()
    assert program.post(f"/imports/{job}/discard", **key()).status_code == 200
    assert gone == [(file, 1)], "after the commit, which other connections see"
    db_session.rollback()
