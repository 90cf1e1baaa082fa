"""A program manages checkers with the scope `manage`, of its site only."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.desk import checkers
from app.models import Checker, CheckerAnswer, Moderator, Role, Scope, Status
from app.moderation import checker_figures
from app.moderation.decide import decide
from tests.cast import Program, Reader, a_site, a_token, the_comment

NEW = {"name": "Toxicity", "url": "https://checker.example/ask?key=s3cret", "langs": ["ja", "en"]}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_from_the_first_checker_to_the_last(app: Flask, program: Program, helper: Program, db_session: Session) -> None:
    assert program.get("/checkers").json == {"checkers": []}
    made = program.post("/checkers", NEW)
    assert made.status_code == 201 and made.json["secret"].startswith("whsec_")
    checker = made.json["checker"]
    assert (checker["mode"], checker["timeout_s"], checker["langs"]) == ("shadow", 5, ["ja", "en"])
    assert checker["url"] == "https://checker.example/ask?…" and "s3cret" not in made.text
    path = f"/checkers/{checker['id']}"
    assert program.get("/checkers").json == {"checkers": [checker]}
    shown = program.get(path).json
    back = program.post(path, checker | {"timeout_s": 5})
    assert (back.status_code, back.json) == (200, checker), "what was read may be sent back"
    db_session.expire_all()
    assert db_session.get_one(Checker, checker["id"]).url == NEW["url"]
    db_session.commit()
    assert shown["checker"] == checker and shown["figures"]["verdicts"].keys() == {"fine", "reject", "spam"}
    nothing = {"hits": 0, "of": 0, "low": 0.0, "high": 1.0}
    assert shown["figures"]["held"] == {"precision": nothing, "recall": nothing}
    early = program.post(path, {"mode": "hold", "name": "Not saved"})
    assert (early.status_code, early.json["code"]) == (409, "too_few_decisions")
    changed = program.post(path, {"mode": "off", "threshold": 90, "langs": []}).json
    assert (changed["mode"], changed["threshold"], changed["langs"]) == ("off", 90, [])
    assert (changed["name"], changed["timeout_s"]) == ("Toxicity", 5)
    renewed = program.post(f"{path}/secret").json
    assert renewed["secret"] not in ("", made.json["secret"])
    assert db_session.get_one(Checker, checker["id"]).secret == renewed["secret"]
    db_session.commit()

    assert helper.get("/checkers").status_code == helper.post(path, {"mode": "off"}).status_code == 403
    other = Program(app.test_client(), a_token(db_session, a_site(db_session, "other"), Role.ADMIN, Scope.MANAGE))
    assert other.get(path).status_code == other.post(path, {"name": "Mine"}).status_code == 404
    assert other.post(f"{path}/secret").status_code == other.post(f"{path}/remove").status_code == 404
    assert other.get("/checkers").json == {"checkers": []}
    assert program.post(f"{path}/remove").json["name"] == "Toxicity"
    assert program.get(path).status_code == 404 and program.get("/checkers").json == {"checkers": []}


def test_a_checker_holds_once_its_figures_are_good_enough(
    app: Flask, program: Program, alice: Moderator, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (checker_figures, checkers):
        monkeypatch.setattr(module, "LEAST_DECIDED", 1)
        monkeypatch.setattr(module, "LEAST_FLAGGED", 1)
    path = f"/checkers/{program.post('/checkers', NEW).json['checker']['id']}"
    Reader(app.test_client()).post("A threat")
    comment = the_comment(db_session, "A threat")
    CheckerAnswer.replace(db_session.query(Checker).one(), comment, verdict="reject", confidence=0.9)
    decide(comment, Status.REJECTED, seen=comment.version, by=alice)
    db_session.commit()
    figures = program.get(path).json["figures"]
    assert (figures["decided"], figures["flagged"], figures["may_hold"]) == (1, 1, False)
    # Of one decision, at least a fifth is right for certain.
    assert figures["held"]["precision"] == {"hits": 1, "of": 1, "low": 0.2065, "high": 1.0}
    assert program.post(path, {"mode": "hold"}).json["code"] == "too_imprecise"
    holding = program.post(path, {"mode": "hold", "least_precision": 20})
    assert (holding.status_code, holding.json["mode"]) == (200, "hold")
    assert program.post(path, {"least_precision": 60}).json["errors"].keys() == {"least_precision"}
    moved = program.post(path, {"url": "https://other.example/"}).json
    assert (moved["mode"], program.get(path).json["figures"]["decided"]) == ("shadow", 0)


def test_wrong_values_are_told_by_field(program: Program) -> None:
    for given, field in (
        ({"url": "http://checker.example"}, "url"), ({"url": "http://127.0.0.1:9/"}, "url"),
        ({"url": "https://u:p@checker.example/"}, "url"), ({"url": "https://" + "x" * 500}, "url"),
        ({"name": "\u200b"}, "name"), ({"name": "x" * 81}, "name"), ({"timeout_s": 31}, "timeout_s"),
        ({"threshold": 0}, "threshold"), ({"least_precision": 100}, "least_precision"), ({"langs": ["x"]}, "langs"),
        ({"langs": ["ja"] * 21}, "langs"), ({"langs": "ja"}, "langs"),
    ):  # fmt: skip
        answer = program.post("/checkers", NEW | given)
        assert (answer.status_code, list(answer.json["errors"])) == (422, [field]), given
    for _number in range(5):
        assert program.post("/checkers", {"name": "Model", "url": "https://checker.example/"}).status_code == 201
    assert program.post("/checkers", NEW).json["code"] == "too_many_checkers"
