"""The pages of checkers, and the commands: add, try, mode, figures, secret."""

import json
import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.desk import checkers
from app.errors import Refused
from app.models import AuditEvent, Checker, CheckerAnswer, Mode, Moderator, Role, Site, Trouble
from app.models.audit import Who
from app.screening.checker_protocol import Reply
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.web.test_members import press
from tests.web.test_queue import ENGLISH

PAGE = "/sites/paper/checkers"
GIVEN = {
    "name": "Toxicity model", "endpoint": "https://model.example/check?key=1", "timeout_s": "5", "threshold": "80",
    "least_precision": "50", "langs": "ja, EN",
}  # fmt: skip

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, "alice", Role.ADMIN)


def errors(answer: Any) -> dict[str, str]:
    page = BeautifulSoup(answer.text, "html5lib")
    return {each["id"].removesuffix("-error"): each.text for each in page.select("[role=alert][id]")}


def only(db_session: Session) -> Checker:
    db_session.expire_all()
    found = db_session.query(Checker).one()
    db_session.commit()
    return found


def test_an_admin_adds_one_in_shadow_mode_and_sees_its_secret_once(desk: FlaskClient, db_session: Session) -> None:
    assert "No checkers yet" in desk.get(PAGE, headers=ENGLISH).text
    made = press(desk, PAGE, PAGE, **GIVEN)
    assert made.status_code == 201 and made.headers["Cache-Control"] == "no-store"
    checker = only(db_session)
    assert checker.secret in made.text and checker.mode == Mode.SHADOW and checker.langs == ["ja", "en"]
    own = f"{PAGE}/{checker.id}"
    for page in (PAGE, own):
        shown = desk.get(page, headers=ENGLISH).text
        assert "Toxicity model" in shown and checker.secret not in shown
    assert "It may hold comments after 100 decisions" in shown and "Let it hold" not in shown
    renewed = press(desk, f"{own}/secret", own)
    assert renewed.status_code == 201 and checker.secret not in renewed.text and only(db_session).secret in renewed.text
    changed = press(desk, own, own, **GIVEN | {"name": "Model", "langs": ""})
    assert changed.status_code == 303 and (only(db_session).name, only(db_session).langs) == ("Model", [])
    assert press(desk, f"{own}/remove", own).status_code == 303
    assert not db_session.query(Checker).count()
    log = [(each.event, json.dumps(each.said)) for each in db_session.query(AuditEvent) if "checker" in each.event]
    assert [event for event, _said in log] == ["checker_added", "checker_changed", "checker_changed", "checker_removed"]
    assert not any("whsec_" in said or "key=1" in said for _event, said in log)


def test_it_cannot_hold_before_decisions_show_how_good_it_is(desk: FlaskClient, db_session: Session) -> None:
    press(desk, PAGE, PAGE, **GIVEN)
    own = f"{PAGE}/{only(db_session).id}"
    refused = press(desk, f"{own}/mode", own, mode="hold")
    assert refused.status_code == 409 and "100 decisions" in refused.text
    assert only(db_session).mode == Mode.SHADOW
    assert press(desk, f"{own}/mode", own, mode="publish").status_code == 400
    assert press(desk, f"{own}/mode", own, mode="off").status_code == 303
    assert only(db_session).mode == Mode.OFF


WRONG = [
    ({"name": ""}, "checker-name"), ({"name": "x" * 81}, "checker-name"), ({"name": "\u200b"}, "checker-name"),
    ({"timeout_s": "0"}, "checker-timeout_s"), ({"timeout_s": "31"}, "checker-timeout_s"),
    ({"threshold": "101"}, "checker-threshold"), ({"threshold": "x"}, "checker-threshold"),
    ({"least_precision": "100"}, "checker-least_precision"), ({"langs": "english language"}, "checker-langs"),
    *(
        ({"endpoint": url}, "checker-endpoint")
        for url in (
            "", "http://model.example/", "ftp://model.example/", "model.example", "https://", "https://[",
            "https://a b/",
            "https://me:pw@model.example/", "https://model.example/#x",
            "https://モデル.example/", "javascript:alert(1)",
            "https://a:0/", "https://a:99999/", f"https://model.example/{'x' * 500}", "https://a\\b/",
            "http://127.0.0.1:8000/", "https://localhost/", "http://[::1]/",
        )
    ),
]  # fmt: skip


def test_wrong_entries_are_marked_and_add_nothing(desk: FlaskClient, db_session: Session) -> None:
    for given, field in WRONG:
        answer = press(desk, PAGE, PAGE, **GIVEN | given)
        assert answer.status_code == 422, given
        assert list(errors(answer)) == [field], given
    assert not db_session.query(Checker).count()


def test_only_the_operator_may_choose_an_address_of_this_machine(
    desk: FlaskClient, db_session: Session, alice: Moderator
) -> None:
    local = GIVEN | {"endpoint": "http://127.0.0.1:9000/"}
    assert press(desk, PAGE, PAGE, **local).status_code == 422
    press(desk, PAGE, PAGE, **GIVEN)
    own = f"{PAGE}/{only(db_session).id}"
    refused = press(desk, own, own, **local)
    assert refused.status_code == 422 and only(db_session).url == GIVEN["endpoint"]
    db_session.get_one(Moderator, alice.id).is_operator = True
    db_session.commit()
    assert press(desk, own, own, **local).status_code == 303


def test_a_site_has_at_most_five(db_session: Session, paper: Site) -> None:
    for number in range(checkers.MOST):
        checkers.add(paper, by=Who.OPERATOR, name=str(number), url="https://model.example/")
    with pytest.raises(Refused) as no:
        checkers.add(paper, by=Who.OPERATOR, name="More", url="https://model.example/")
    assert no.value.status == 409


def test_a_try_shows_the_answer_and_stores_nothing(
    desk: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(desk, PAGE, PAGE, **GIVEN)
    own, asked = f"{PAGE}/{only(db_session).id}", []

    def ask(*call: Any) -> Reply:
        asked.append(json.loads(call[-1])["data"])
        return Reply("reject", 0.93, ("<i>insult</i>",), ms=12)

    monkeypatch.setattr(checkers, "ask", ask)
    tried = press(desk, f"{own}/try", own, text="You fool")
    assert tried.status_code == 200 and "should be rejected (93%) – &lt;i&gt;insult&lt;/i&gt;" in tried.text
    assert asked[0]["text"] == "You fool" and not db_session.query(CheckerAnswer).count()
    db_session.commit()
    monkeypatch.setattr(checkers, "ask", lambda *_call: Reply(trouble=Trouble.TIMEOUT, ms=5000))
    assert "no answer in time" in press(desk, f"{own}/try", own, text="You fool").text
    assert press(desk, f"{own}/try", own, text=" ").status_code == 422
    codes = {press(desk, f"{own}/try", own, text="Again").status_code for _ in range(8)}
    assert 429 in codes, "a try waits in a thread of the web server"


def test_the_page_has_figures_answers_and_failures(
    client: FlaskClient, desk: FlaskClient, db_session: Session, paper: Site
) -> None:
    Reader(client).post("Hello <b>there</b>")
    press(desk, PAGE, PAGE, **GIVEN)
    comment, checker = the_comment(db_session, "Hello <b>there</b>"), only(db_session)
    CheckerAnswer.replace(checker, comment, verdict="reject", confidence=0.7, reasons=["<script>"], ms=31)
    checker.set_mode(Mode.SHADOW, returned="errors")
    checker.note_failure()
    db_session.commit()
    page = desk.get(f"{PAGE}/{checker.id}", headers=ENGLISH).text
    assert "should be rejected (70%) – &lt;script&gt;" in page and "31 ms" in page and "<script>\n" not in page
    assert "because it failed too often" in page and "It fails at the moment" in page
    assert "No decisions yet" in page and "Hello &lt;b&gt;there" in page
    assert "Back in shadow mode" in desk.get(PAGE, headers=ENGLISH).text


def test_the_commands_add_list_change_and_remove(app: Flask, db_session: Session, paper: Site) -> None:
    run = app.test_cli_runner().invoke
    db_session.commit()
    made = run(args=["checker", "add", "paper", "--name", "Model", "--url", "http://127.0.0.1:9/", "--json"])
    shown = json.loads(made.output)
    assert shown["mode"] == "shadow" and re.fullmatch(r"whsec_.{44}", shown["secret"])
    id = str(shown["id"])
    assert run(args=["checker", "set", "paper", id, "threshold=90", "mode=off", "langs=ja,en"]).exit_code == 0
    (listed,) = json.loads(run(args=["checker", "list", "paper", "--json"]).output)
    assert (listed["threshold"], listed["mode"], listed["langs"]) == (90, "off", ["ja", "en"])
    assert listed["figures"]["decided"] == 0 and listed["figures"]["may_hold"] is False and "secret" not in listed
    for wrong in ("mode=hold", "mode=publish", "threshold=0", "threshold=x", "url=http://a/", "secret=x", "name"):
        refused = run(args=["checker", "set", "paper", id, "name=Other", wrong])
        assert refused.exit_code == 1, wrong
    assert "Model" in run(args=["checker", "list", "paper"]).output, "nothing of a refused change is stored"
    assert run(args=["checker", "remove", "paper", id]).exit_code == 0
    assert run(args=["checker", "remove", "paper", id]).exit_code == 1
