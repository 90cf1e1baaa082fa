"""What leaves the API: no address of a person, and nothing to pages that may not have it."""

import logging

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.extensions import db
from app.models import Claim, Effect, Role, Rule, Scope, Status, Subject
from app.moderation import notices
from app.moderation.notices import Draft
from app.screening import rules
from app.transfer.job_runner import run_next
from tests.api.examples import declared, example_of, query_of
from tests.cast import ORIGIN, PAGE, Program, Reader, a_moderator, a_site, a_token, the_comment
from tests.web.test_embed import TRICKS
from tests.web.test_privacy import derived

CANARY, NETWORK = "canary.7@hidden-7.example", "203.0.113.77"
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


# Operations whose answer may have readers' addresses, with the scope that they ask for.
WITH_ADDRESSES = {"api.transfers.download": Scope.TRANSFER}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_answer_of_any_operation_and_no_log_has_an_address_or_a_network(
    app: Flask, client: FlaskClient, db_session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    site = a_site(db_session, hold_all=True, reports_needed=1)
    alice = a_moderator(db_session, site, "alice", Role.OWNER)
    caplog.set_level(logging.DEBUG, "app")
    reader = Reader(app.test_client(), "Hanako", CANARY, peer=NETWORK)
    about = [(Subject.EMAIL, CANARY), (Subject.ADDRESS, "203.0.113.0/24")]
    rules.create([rules.draft(site, subject, Effect.HOLD, value) for subject, value in about], by=alice)
    db_session.commit()
    assert reader.post("words of Hanako", notify="page").status_code == 202
    comment = the_comment(db_session, "words of Hanako")
    id, seen = comment.id, comment.version
    program = Program(client, a_token(db_session, site))
    answers = {"exported": _exported(program)}
    assert CANARY.encode() in answers.pop("exported").data, "the walk below would find it"
    for name, role in (("Admin", Role.ADMIN), ("Helper", Role.MODERATOR)):
        token = Program(client, a_token(db_session, site, role, name=name))
        for status in ("approved", "spam"):
            answers[name, status] = token.post(f"/comments/{id}/decisions", {"status": status, "seen": seen})
        client.post(f"/embed/report/{id}", data={"reason": "hate"}, environ_base={"REMOTE_ADDR": NETWORK})
        notices.submit(the_comment(db_session, "words of Hanako"), Draft(Claim.PRIVACY, name, "law", "Taro", CANARY))
        db_session.commit()
        for subject, value in about:
            answers[name, subject] = token.post("/rules", {"subject": subject, "value": value, "effect": "spam"})
            answers[name, value] = token.get("/search", q=value, name=value)
        answers |= {(name, *key): answer for key, answer in _walk(app, token).items()}
    answers |= {("no token", *key): answer for key, answer in _walk(app, Program(client, "")).items()}
    refused = {"site": "paper", "url": PAGE, "name": "", "email": CANARY, "body": ""}
    answers["refused"] = client.post("/api/v1/comments", json=refused, environ_base={"REMOTE_ADDR": NETWORK})
    assert len(answers) > 3 * 45 and sum(b"words of Hanako" in answer.data for answer in answers.values()) > 10
    assert {answer.status_code for answer in answers.values()} >= {200, 201, 401, 403, 409, 422}
    hidden = (CANARY, NETWORK, "moderators.example", "programs.invalid")
    secrets = {form for secret in hidden for form in derived(secret)} | {b"203.0.113", b"203.0."}
    for key, answer in answers.items():
        whole = answer.data + str(answer.headers).encode()
        assert not [secret for secret in secrets if secret in whole], key
    # Floating-point numbers are times: 203.0 milliseconds are no network.
    logged = "".join(
        f"{record.getMessage()} { {name: value for name, value in vars(record).items() if type(value) is not float} }"
        for record in caplog.records
    ).encode()
    assert logged.count(b"/api/v1/") > 3 * 45 and not [secret for secret in secrets if secret in logged]
    assert db_session.query(Rule).count() > 2


def _exported(program: Program) -> TestResponse:
    job = program.post("/exports", {"format": "csv"}).json["id"]
    assert run_next()
    db.session.commit()
    return program.post(f"/exports/{job}/download")


def _walk(app: Flask, program: Program) -> dict[tuple[str, ...], TestResponse]:
    """The answer of each operation, bare and with an example of each parameter."""
    answers: dict[tuple[str, ...], TestResponse] = {}
    for each in declared():
        if each.endpoint in WITH_ADDRESSES:
            assert each.operation.scope == WITH_ADDRESSES[each.endpoint]
            continue
        for rule in app.url_map.iter_rules():
            if rule.endpoint == each.endpoint:
                path, body = rule.rule.removeprefix("/api/v1").replace("<int:id>", "1"), each.operation.body
                for query in ({}, query_of(each)):
                    for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
                        given = {"json": example_of(body)} if body else {}
                        answers[each.endpoint, method, str(query)] = program.client.open(
                            f"/api/v1{path}", method=method, query_string=query, headers=program.headers, buffered=True,
                            **given)  # fmt: skip
    return answers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pages_may_use_public_operations_only_and_never_with_credentials(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    site = a_site(db_session)
    secret = a_token(db_session, site)
    asked = client.options("/api/v1/comments", headers=ASKED | {"Origin": ORIGIN})
    assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert asked.headers["Access-Control-Allow-Methods"] == "POST"
    allowed = asked.headers["Access-Control-Allow-Headers"].lower()
    assert "content-type" in allowed and "idempotency-key" in allowed and "authorization" not in allowed
    for trick in TRICKS:
        refused = client.options("/api/v1/comments", headers=ASKED | {"Origin": trick})
        assert refused.status_code == 204 and "Access-Control-Allow-Origin" not in refused.headers, trick
    read = {"Origin": "https://other.example", "Access-Control-Request-Method": "GET"}
    assert client.options("/api/v1/picks", headers=read).headers["Access-Control-Allow-Origin"] == "*"
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/"):
            path = rule.rule.replace("<int:id>", "1")
            for method in ("GET", "POST", "PUT", "DELETE", "x", ""):
                headers = {"Origin": ORIGIN, "Access-Control-Request-Method": method}
                answer = client.options(path, headers=headers)
                assert answer.status_code == 204 and "Access-Control-Allow-Credentials" not in answer.headers
    with_token = {"Authorization": f"Bearer {secret}", "Origin": ORIGIN}
    for path in ("/api/v1/queue", "/api/v1/comments", "/api/v1/threads"):
        assert "Access-Control-Allow-Origin" not in client.get(path, headers=with_token).headers


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_page_reads_the_answer_to_its_comment_also_if_it_is_refused(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    sent = {"site": "paper", "url": PAGE, "name": "Hanako", "email": "hanako@readers.example", "body": "by fetch"}
    for body, status in ((sent, 201), (sent | {"body": ""}, 422)):
        answer = client.post("/api/v1/comments", json=body, headers={"Origin": ORIGIN})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, ORIGIN)
        assert "Origin" in answer.headers["Vary"] and "Access-Control-Allow-Credentials" not in answer.headers
    foreign = client.post("/api/v1/comments", json=sent, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403 and "Access-Control-Allow-Origin" not in foreign.headers
    assert the_comment(db_session, "by fetch").status == Status.APPROVED


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_reference_page_has_every_operation_and_no_script(client: FlaskClient) -> None:
    page, contract = client.get("/api/v1/docs").text, client.get("/api/v1/openapi.json").json
    assert "<script" not in page
    for path, methods in contract["paths"].items():
        for method in methods:
            assert f"{method.upper()} /api/v1{path}<" in page
    assert all(f'id="{name}"' in page for name in contract["components"]["schemas"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_unknown_address_below_the_api_is_a_problem_too(client: FlaskClient) -> None:
    for method, path, status in (("GET", "nosuch", 404), ("GET", "authors/x", 404), ("PUT", "comments", 405)):
        answer = client.open(f"/api/v1/{path}", method=method)
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
        assert answer.json["code"] and answer.json["status"] == status
