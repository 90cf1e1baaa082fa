"""Every route as a moderator of another site, with a lesser role and logged out: no data, no change.

The routes come from the application, so that new ones are included.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.comments import picks
from app.desk import checkers, member_keys, members, tokens, webhooks
from app.lib.clock import now
from app.models import (
    AskedOpinion,
    Claim,
    Effect,
    Moderator,
    Reason,
    Role,
    Rule,
    Sample,
    SecondOpinion,
    Site,
    State,
    Status,
    Subject,
    WebhookDelivery,
    WebhookFormat,
)
from app.models.own_reason import OwnReason
from app.models.report import Reporter
from app.models.webhook_delivery import DeliveryOutcome
from app.moderation import articles, legal_hold, notices
from app.moderation.decide import decide
from app.moderation.notices import Draft
from app.moderation.reports import report
from app.screening import rules
from app.transfer import jobs
from app.web import MODERATORS
from tests.api.examples import declared, example_of
from tests.cast import ORIGIN, Program, Reader, a_moderator, a_site, a_subscription, a_token, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

# Secrets of the victim site, which no other user may see.
SECRETS = ("Geheimnis", "Verborgen", "versteckt.example", "Vertraulich", "Alice", "alice@")
# A word beside a secret: a page may repeat the search term.
SOUGHT = "Zitrone"
TABLES = (
    "site",
    "comment",
    "decision",
    "rule",
    "report",
    "membership",
    "moderator",
    "thread",
    "thread_change",
    "delivery",
    "author",
    "invitation",
    "vote",
    "pick",
    "job",
    "notice",
    "notice_event",
    "legal_hold",
    "api_token",
    "webhook",
    "webhook_delivery",
    "checker",
    "checker_answer",
    "asked_opinion",
    "second_opinion",
    "published_list",
    "list_subscription",
    "list_line",
)
# These act only on the logged-in moderator.
OWN_AFFAIRS = {"account", "confirmation", "profile", "logins", "address", "factor", "factors", "single_sign_on"}
EVERYBODYS_PAGES = {
    "opinions.agreement",
    "opinions.discuss",
    "sites.embed",
    "statistics.show",
    "threads.page",
    "threads.name",
    "threads.set_state",
    "threads.undo",
}
OWNERS_PAGES = ("members.", "member_keys.", "tokens.")
# For owners of the installation, whose flag no role on a site gives.
OPERATORS_PAGES = {"sites.new", "sites.add", "system.show", "system.as_json"}
# In the body of an operation of the API.
VICTIMS = {
    "comments": [{"id": 1, "seen": 2}],
    "decisions": [1],
    "moves": [{"old": "/story", "new": "/new"}],
}


@dataclass(frozen=True)
class Target:
    endpoint: str
    method: str
    path: str
    arguments: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def targets(app: Flask) -> Iterator[Target]:
    """Every route for moderators; path arguments name the victim site's first records."""
    houses = {target.bp.name for target in MODERATORS} - OWN_AFFAIRS
    stands_for = {"key": "paper", "id": "1", "line_id": "1"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint.split(".")[0] not in houses:
            continue
        unknown = set(rule.arguments) - set(stands_for)
        assert not unknown, f"{rule.rule}: tell this test what of the walked site {unknown} may name"
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: stands_for[found[1]], rule.rule)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            yield Target(rule.endpoint, method, path, frozenset(rule.arguments))


@pytest.fixture
def paper(app: Flask, db_session: Session) -> Site:
    """A site with one of everything, created first, so that each record has id 1."""
    site = a_site(db_session, hold_all=True)
    site.name = "Vertraulich"
    site.own_reasons = [OwnReason("geheim", "Geheimnis", {"en": "Geheimnis"}).as_json()]
    site.saved_replies = [{"id": "0123456789ab", "name": "Geheimnis", "text": "Geheimnis"}]
    alice = a_moderator(db_session, site, "alice", Role.OWNER)
    for number in range(3):
        reader = Reader(app.test_client(), "Verborgen", f"r{number}@versteckt.example")
        reader.post(f"{SOUGHT} Geheimnis {number}", title="Vertraulich")
    first = the_comment(db_session, f"{SOUGHT} Geheimnis 0")
    decide(first, Status.APPROVED, seen=first.version, by=alice)
    db_session.commit()
    picks.pick(first, by=alice)
    report(first, reader=Reporter("somebody"), reason=Reason.HATE, note="Geheimnis")
    rules.create([rules.draft(site, Subject.WORD, Effect.HOLD, "Geheimniswort", reason="Verborgen")], by=alice)
    draft = Draft(Claim.PRIVACY, "Geheimnis", "Vertraulich", "Verborgen", "notifier@versteckt.example")
    notice = notices.submit(first, draft)
    legal_hold.place(notice, reason="Geheimnis", until=now() + timedelta(days=30), by=alice)
    articles.set_state(first.thread, State.HELD, by=alice, reason="Geheimnis")
    jobs.begin_export(site, "csv", by=alice).name = "Geheimnis.csv"
    members.invite(site, "invited@versteckt.example", Role.MODERATOR, by=alice)
    member_keys.make_secret(site, kid="Geheimnis", by=alice)
    tokens.make(site, name="Verborgen", role=Role.ADMIN, by=alice)
    format = WebhookFormat.STANDARD
    webhook = webhooks.add(
        site, name="Geheimnis", address="https://versteckt.example/x", events=["comment.held"], format=format, by=alice
    )
    webhooks.ping(webhook)
    db_session.flush()
    db_session.query(WebhookDelivery).one().finish(DeliveryOutcome.GAVE_UP)
    asked = {"comment_id": first.id, "decision_id": 1, "moderator_id": alice.id, "sample": Sample.RANDOM}
    given = {"first_status": Status.APPROVED, "status": Status.SPAM, "given_on": now(), "sample": Sample.RANDOM}
    db_session.add_all([AskedOpinion(site_id=site.id, **asked),
                        SecondOpinion(site_id=site.id, comment_id=first.id, **given)])  # fmt: skip
    checkers.add(site, name="Geheimnis", url="https://versteckt.example/", by=alice)
    a_subscription(site, "Geheimnis", "https://versteckt.example/list.json", "geheimnis")
    db_session.commit()
    return site


@pytest.fixture
def other(app: Flask, db_session: Session, paper: Site) -> Site:
    other = a_site(db_session, "other", hold_all=True, lang="en")
    Reader(app.test_client(), "Owen", site="other").post("Of the other site")
    db_session.commit()
    return other


def a_colleague(db_session: Session, site: Site, role: Role) -> Moderator:
    return a_moderator(db_session, site, f"{role}-of-{site.key}", role)


def everything(db_session: Session) -> str:
    found = {table: db_session.execute(text(f"SELECT * FROM {table} ORDER BY 1, 2")).all() for table in TABLES}  # noqa: S608
    db_session.commit()
    return str(found)


def knock(desk: FlaskClient, target: Target, token: str = "", **more: str) -> TestResponse:
    """With all parameters: foreign ids in the query, and a body that decides, creates and ends."""
    asked = {"q": SOUGHT, "site": "1", "moderator": "1", "comment": "1", "author": "1", "ids": "1", "thread": "1"}
    if target.method == "GET":
        return desk.get(target.path, query_string=asked if more.get("asking") else {}, headers=ENGLISH, buffered=True)
    body = asked | {
        "csrf_token": token, "status": "approved", "seen": "2", "marked": "1:2", "comments": "1", "id": "1",
        "subject": "word", "value": "x", "effect": "hold", "reason": "", "role": "owner", "name": "x", "text": "x",
        "state": "hidden", "url": "/new", "note": "x", "body": "x", "email": "somebody@new.example", "until": "",
        "comment_seen": "3", "outcome": "removed", "ground": "law", "provision": "x", "facts": "x", "question": "x",
        "size": "9", "format": "csv", "at": "0", "moves": "/a=/b", "old": "/a", "new": "/b",
    }  # fmt: skip
    return desk.post(target.path, data=body, headers=ENGLISH, buffered=True)


def told(answer: TestResponse) -> list[str]:
    everything = answer.text + str(answer.headers)
    return [secret for secret in SECRETS if secret in everything]


def test_there_is_something_to_see(app: Flask, paper: Site, db_session: Session) -> None:
    desk = at_the_desk(app)
    seen = set()
    for target in targets(app):
        if target.method == "GET":
            answer = knock(desk, target)
            assert answer.status_code == (403 if target.endpoint in OPERATORS_PAGES else 200), target
            seen |= set(told(answer))
            is_page = answer.status_code == 200 and "<html" in answer.text
            assert not is_page or 'action="/logout"' in answer.text, target
    assert seen >= {"Geheimnis", "Verborgen", "versteckt.example", "Vertraulich", "Alice"}


@pytest.mark.parametrize("role", list(Role))
def test_moderators_of_another_site_see_nothing_and_change_nothing_on_any_route(
    app: Flask, paper: Site, other: Site, db_session: Session, role: Role
) -> None:
    a_colleague(db_session, other, role)
    desk = at_the_desk(app, f"{role}-of-other")
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    before = everything(db_session)
    for target in targets(app):
        for asking in ("", "1"):
            answer = knock(desk, target, token, asking=asking)
            assert not told(answer), f"{target} tells {told(answer)}"
            if target.arguments:
                assert answer.status_code == 404, f"{target}: {answer.status_code}"
            assert answer.status_code < 500, target
    assert everything(db_session) == before


def test_one_site_does_not_change_another_sites_pages(
    app: Flask, paper: Site, other: Site, db_session: Session
) -> None:
    """Including counts and totals."""
    a_colleague(db_session, other, Role.OWNER)
    desk = at_the_desk(app, "owner-of-other")
    open_doors = [target for target in targets(app) if target.method == "GET" and not target.arguments]
    open_doors = [target for target in open_doors if target.endpoint not in OPERATORS_PAGES]
    open_doors += [
        Target(target.endpoint, "GET", target.path.replace("paper", "other"), frozenset())
        for target in targets(app) if target.method == "GET" and target.arguments == {"key"}
    ]  # fmt: skip
    before = {str(target): _plain(knock(desk, target)) for target in open_doors}
    for number in range(3, 6):
        Reader(app.test_client(), "Verborgen").post(f"{SOUGHT} Geheimnis {number}")
    second = the_comment(db_session, f"{SOUGHT} Geheimnis 1")
    decide(second, Status.REJECTED, seen=second.version, by=db_session.get(Moderator, 1))
    db_session.commit()
    assert any("Of the other site" in page for page in before.values())
    for target in open_doors:
        assert _plain(knock(desk, target)) == before[str(target)], target


def _plain(answer: TestResponse) -> str:
    """A page without parts that change each time: tokens and relative times."""
    assert answer.status_code == 200, answer.request.path
    page = re.sub(r'name="csrf_token" value="[^"]*"', "", answer.text)
    return re.sub(r"[\w.-]{40,}", "", page)


def of_site(db_session: Session, site: Site) -> str:
    found = {table: db_session.execute(text(f"SELECT * FROM {table} WHERE site_id = {site.id} ORDER BY 1")).all()  # noqa: S608
             for table in TABLES if table not in ("site", "moderator", "api_token")}  # fmt: skip
    found["site"] = db_session.execute(text(f"SELECT * FROM site WHERE id = {site.id}")).all()  # noqa: S608
    db_session.commit()
    return str(found)


def test_a_token_of_another_site_sees_nothing_and_changes_nothing_by_any_operation(
    app: Flask, paper: Site, other: Site, db_session: Session
) -> None:
    program, own = (Program(app.test_client(), a_token(db_session, site)) for site in (other, paper))
    before, seen = of_site(db_session, paper), set()
    for each in declared():
        rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint == each.endpoint]
        path = rules[0].rule.removeprefix("/api/v1").replace("<int:id>", "1")
        if each.operation.scope is None and not each.also:
            continue
        if "POST" not in rules[0].methods:
            seen |= set(told(own.get(path)))
        body = example_of(each.operation.body) if each.operation.body else None
        body = {"name": "Another name"} if path == "/settings" else body
        # The victim's records are named wherever an id can be.
        victims = VICTIMS | ({"comments": [1]} if path.endswith("/leases") else {})
        body = body and body | {name: value for name, value in victims.items() if name in body}
        for query in ({}, {"thread": "1", "author": "1", "q": SOUGHT}):
            answer = program.get(path, **query) if "POST" not in rules[0].methods else program.post(path, body)
            assert not told(answer), f"{path} tells {told(answer)}"
            # A request about the own site is answered; a record of the other one is not found.
            assert (answer.status_code in (404, 415, 422)) == bool(rules[0].arguments), (path, answer.status_code)
    assert seen >= {"Geheimnis", "Verborgen", "Alice"}
    assert of_site(db_session, paper) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_lesser_roles_get_403_on_pages_of_their_own_site(app: Flask, paper: Site, db_session: Session) -> None:
    desks = {}
    for role in (Role.MODERATOR, Role.ADMIN):
        a_colleague(db_session, paper, role)
        desks[role] = at_the_desk(app, f"{role}-of-paper")
    tokens = {role: hidden(desk.get("/moderate/log"), "csrf_token") for role, desk in desks.items()}
    before = everything(db_session)
    walked = 0
    for target in targets(app):
        if "key" not in target.arguments or target.endpoint in EVERYBODYS_PAGES:
            continue
        role = Role.ADMIN if target.endpoint.startswith(OWNERS_PAGES) else Role.MODERATOR
        answer = knock(desks[role], target, tokens[role])
        assert (answer.status_code, told(answer)) == (403, []), target
        walked += 1
    assert walked > 4
    assert everything(db_session) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_requires_a_log_in(app: Flask, paper: Site, db_session: Session) -> None:
    before, nobody = everything(db_session), app.test_client()
    token = hidden(nobody.get("/login"), "csrf_token")
    for target in targets(app):
        answer = knock(nobody, target, token)
        assert (answer.status_code, told(answer)) == (303, []), target
        assert answer.location.startswith("/login"), target
    assert everything(db_session) == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_route_accepts_a_form_without_its_token(app: Flask, paper: Site, db_session: Session) -> None:
    desk, before = at_the_desk(app), everything(db_session)
    for target in targets(app):
        if target.method == "POST":
            for token in ("", "x"):
                assert knock(desk, target, token).status_code == 400, target
    assert everything(db_session) == before
    assert db_session.query(Rule).one().ended_at is None and ORIGIN in paper.origins
