"""What leaves the API: no address of a person, and nothing to pages that may not have it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Effect, Role, Rule, Status, Subject
from app.screening import rules
from tests.api.examples import declared, example_of
from tests.cast import ORIGIN, PAGE, Program, Reader, a_moderator, a_site, a_token, the_comment
from tests.web.test_embed import TRICKS
from tests.web.test_privacy import derived

CANARY, NETWORK = "Canary.7@Hidden-7.example", "203.0.113.77"
ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_answer_to_a_program_has_an_address_or_a_network(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    site = a_site(db_session, hold_all=True)
    alice = a_moderator(db_session, site, "alice", Role.OWNER)
    reader = Reader(app.test_client(), "Hanako", CANARY, peer=NETWORK)
    about = [(Subject.EMAIL, CANARY), (Subject.ADDRESS, "203.0.113.0/24")]
    rules.create([rules.draft(site, subject, Effect.HOLD, value) for subject, value in about], by=alice)
    db_session.commit()
    assert reader.post("words of Hanako").status_code == 202
    comment = the_comment(db_session, "words of Hanako")
    program = Program(client, a_token(db_session, site))
    answers = [program.post(f"/comments/{comment.id}/decisions", {"status": "approved", "seen": comment.version})]
    answers.append(program.post(f"/comments/{comment.id}/decisions", {"status": "spam", "seen": comment.version}))
    answers += [
        program.post("/rules", {"subject": subject, "value": value, "effect": "spam"}) for subject, value in about
    ]
    assert [answer.status_code for answer in answers] == [200, 409, 201, 201]
    for each in declared():
        for rule in app.url_map.iter_rules():
            if rule.endpoint == each.endpoint and (each.operation.scope or each.also):
                path, body = rule.rule.removeprefix("/api/v1").replace("<int:id>", "1"), each.operation.body
                answers.append(
                    program.post(path, body and example_of(body)) if "POST" in rule.methods else program.get(path)
                )
    assert len(answers) > 40 and any(b"words of Hanako" in answer.data for answer in answers)
    secrets = {form for secret in (CANARY, "moderators.example", "programs.invalid") for form in derived(secret)}
    secrets |= {b"203.0.113", b"203.0"}
    for answer in answers:
        whole = answer.data + str(answer.headers).encode()
        assert not [secret for secret in secrets if secret in whole], answer.request.path
    assert db_session.query(Rule).count() > 2


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
