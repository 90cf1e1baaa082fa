"""PUBLIC_URL with a path, behind a proxy that strips it: no link, form, redirect or cookie leads outside."""

import contextvars
import html
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import Client, TestResponse

from app import create_app
from app.desk import checkers, members, webhooks
from app.lib.clock import now
from app.lib.signing import sign
from app.models import (
    Author,
    Claim,
    Decision,
    EmailChange,
    Invitation,
    Job,
    JobKind,
    JobState,
    Moderator,
    PasswordReset,
    Reason,
    Role,
    Site,
    Status,
    WebhookFormat,
)
from app.models.audit import Who
from app.models.report import Reporter
from app.moderation import notices
from app.moderation.decide import decide
from app.moderation.notices import Draft
from app.moderation.reports import report
from app.notify import outbox, signed_links
from app.notify.decision_links import link_for
from app.web import READERS
from tests.cast import ORIGIN, PAGE, PASSWORD, Reader, a_moderator, a_site, a_subscription, the_comment
from tests.services import MailServer
from tests.web.test_queue import ENGLISH

HOST, BELOW = "https://example.org", "/comments"
# Attributes with URLs; `content` for a refresh, `data-…` for our scripts.
LINKS = re.compile(
    r"""\s(?:href|src|action|formaction|poster|cite|data-(?!key)[a-z-]+)=(?:"([^"]*)"|'([^']*)'|([^\s>]+))"""
)
# No HTML page, or a page that needs special arguments.
# setup.show: only without an account.
SKIPPED = {"static", "health.metrics", "setup.show", "published_list.show"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    contact = {"SECURITY_CONTACT": "mailto:security@example.org"}
    return settings | contact | {"UNDO_WINDOW": "0", "PUBLIC_URL": HOST + BELOW}


class Proxied(Client):
    """A browser in front of a proxy that strips /comments and serves nothing else."""

    def __init__(self, app: Flask) -> None:
        def proxy(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            if not path.startswith(f"{BELOW}/"):
                start_response("404 Outside", [("Content-Type", "text/plain")])
                return [b"outside"]
            return app.wsgi_app(environ | {"PATH_INFO": path.removeprefix(BELOW), "SCRIPT_NAME": ""}, start_response)

        super().__init__(proxy, TestResponse)

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        given = {"base_url": HOST, "headers": ENGLISH, "buffered": True} | kwargs
        # In an empty context: a request must not see the test's `g`.
        return contextvars.Context().run(super().open, *args, **given)


@pytest.fixture
def paper(app: Flask, db_session: Session) -> Site:
    site = a_site(db_session, hold_all=True, lang="en", public_summary=True)
    alice = a_moderator(db_session, site, "alice", Role.OWNER)
    alice.is_operator = True
    db_session.commit()
    hanako = Reader(app.test_client())
    for number in range(3):
        hanako.post(f"Number {number}", title="Story", notify="y")
    first, second = the_comment(db_session, "Number 0"), the_comment(db_session, "Number 1")
    decide(first, Status.APPROVED, seen=first.version, by=alice)
    decide(second, Status.REJECTED, seen=second.version, by=alice)
    db_session.commit()
    report(first, reader=Reporter("somebody"), reason=Reason.HATE, note="Geheimnis")
    members.invite(site, "bob@moderators.example", Role.MODERATOR, by=alice)
    hook = {"name": "CMS", "address": "https://hooks.example/x", "events": ["comment.held"]}
    webhooks.ping(webhooks.add(site, **hook, format=WebhookFormat.SLACK, by=Who.OPERATOR))
    checkers.add(site, by=alice, name="Model", url="https://model.example/")
    a_subscription(site, "News", "https://news.example/list.json", "casino")
    db_session.commit()
    return site


def a_browser_of_alice(app: Flask) -> Proxied:
    browser = Proxied(app)
    answer = browser.get(f"{BELOW}/moderate/log?status=approved")
    assert answer.status_code == 303
    page = browser.get(answer.location)
    form = BeautifulSoup(page.text, "html5lib").find("form", class_="login")
    data = fields_of(form) | {"email": "alice@moderators.example", "password": PASSWORD}
    answer = browser.post(form["action"], data=data)
    assert (answer.status_code, answer.location) == (303, f"{BELOW}/moderate/log?status=approved")
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert cookie.startswith("__Secure-") and f"Path={BELOW};" in f"{cookie};" and "Secure" in cookie, cookie
    return browser


def fields_of(form: Any) -> dict[str, str]:
    found = form.find_all("input", {"type": "hidden"})
    return {each["name"]: each.get("value", "") for each in found if each.get("name")}


def outside(address: str, page: str) -> bool:
    """True for a URL of this host that the proxy does not forward to us."""
    whole = urlsplit(urljoin(HOST + page, html.unescape(address).strip()))
    ours = whole.netloc in ("example.org", "localhost", "127.0.0.1")
    return ours and not whole.path.startswith(f"{BELOW}/")


def leading_outside(answer: TestResponse, page: str) -> list[str]:
    found = [next(filter(None, each), "") for each in LINKS.findall(answer.text)]
    named = [each for each in found if "/" in each and not each.startswith(("{", "["))]
    named += re.findall(r"https?://(?:example\.org|localhost)[^\s\"'<>;,]*", answer.text + str(answer.headers))
    named += [answer.location] if answer.location else []
    return [each for each in named if outside(each, page)]


def pages(app: Flask, db_session: Session) -> dict[str, str]:
    """The URL of each GET route, with arguments of existing records."""
    alice, author = a_site_owner(db_session), db_session.query(Author).first()
    waiting = the_comment(db_session, "Number 2")
    db_session.add(Job(site=waiting.site, kind=JobKind.EXPORT, state=JobState.DONE, format="csv", name="paper.csv"))
    rejected = db_session.query(Decision).filter_by(to_status=Status.REJECTED).one()
    with db_session.no_autoflush:
        typed = {"explanation": "I am Taro.", "law": "Privacy", "name": "Taro", "email": "taro@readers.example"}
        notice = notices.submit(the_comment(db_session, "Number 0"), Draft(Claim.PRIVACY, **typed))
    notice.asked_at = now()
    readers = {each.bp.name for each in READERS} | {"api"}
    query = f"?site=paper&url={PAGE}"
    tokens = {
        "links.show": link_for(waiting, Status.APPROVED, alice),
        "emails.show_confirm": signed_links.confirm_link(author),
        "emails.show_stop": signed_links.stop_link(author),
        "emails.show_unfollow": signed_links.unfollow_link(author, waiting, "page"),
        "emails.show_appeal": signed_links.appeal_link(rejected),
        "own_comment.show": signed_links.own_link(waiting),
        "own_comment.receipt": signed_links.own_link(waiting),
        "notice_links.show": signed_links.notice_link(notice, emailed=True),
        "inquiries.show": signed_links.inquiry_link(notice),
    }
    tokens_of_accounts = {
        "invitation.look": invitation_token(db_session),
        "reset.show": reset_token(alice),
        "email_change.show": change_token(alice, db_session),
    }
    found = {}
    for rule in app.url_map.iter_rules():
        if "GET" not in rule.methods or rule.endpoint in SKIPPED:
            continue
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if operation and operation.scope:
            continue  # not for browsers
        if rule.endpoint in tokens:
            found[rule.endpoint] = tokens[rule.endpoint].removeprefix(HOST)
            continue
        if rule.endpoint.startswith("single_sign_on."):
            continue  # without an identity provider
        path = rule.rule.replace("<key>", "paper").replace("<int:id>", "1")
        if rule.endpoint in tokens_of_accounts:
            path = path.replace("<token>", tokens_of_accounts[rule.endpoint])
        assert "<" not in path, f"{rule.rule}: tell this test what its arguments may be"
        found[rule.endpoint] = BELOW + path + (query if rule.endpoint.split(".")[0] in readers else "")
    db_session.commit()
    return found


def a_site_owner(db_session: Session) -> Any:
    return db_session.query(Invitation).first().made_by


def invitation_token(db_session: Session) -> str:
    return sign("invitation", db_session.query(Invitation).first().id)


def reset_token(moderator: Moderator) -> str:
    PasswordReset.offer(moderator, "t" * 43, now())
    return "t" * 43


def change_token(moderator: Moderator, db_session: Session) -> str:
    change = EmailChange(moderator=moderator, email="alice@elsewhere.example")
    db_session.add(change)
    db_session.flush()
    return sign("email_change", [change.id, change.nonce, "old"])


def test_no_page_names_an_address_outside_of_its_path(app: Flask, paper: Site, db_session: Session) -> None:
    reader, alice = Proxied(app), a_browser_of_alice(app)
    seen = 0
    for endpoint, page in pages(app, db_session).items():
        for browser in (reader, alice):
            answer = browser.get(page)
            assert answer.status_code in (200, 302, 303), (endpoint, page, answer.status_code)
            assert leading_outside(answer, page) == [], endpoint
            seen += len(LINKS.findall(answer.text))
    assert seen > 300


def test_every_form_sends_to_its_path_and_is_answered_there(app: Flask, paper: Site, db_session: Session) -> None:
    reader, alice = Proxied(app), a_browser_of_alice(app)
    sent = set()
    for page in pages(app, db_session).values():
        for browser in (alice, reader):
            answer = browser.get(page)
            if answer.status_code != 200 or "html" not in answer.content_type:
                continue
            for form in BeautifulSoup(answer.text, "html5lib").find_all("form", method="post"):
                action = form.get("action") or page
                assert not outside(action, page), (page, action)
                shape = re.sub(r"\d+|[\w-]{30,}", "1", urlsplit(action).path)
                if (browser is alice, shape) in sent or shape.endswith("/logout"):
                    continue
                sent.add((browser is alice, shape))
                answered = browser.post(urlsplit(urljoin(HOST + page, action)).path, data=fields_of(form))
                assert answered.status_code < 500 and answered.data != b"outside", (page, action)
                assert leading_outside(answered, page) == [], (page, action)
    assert len(sent) > 15, sent


def test_a_card_is_approved_without_a_script_and_leads_back(app: Flask, paper: Site, db_session: Session) -> None:
    alice = a_browser_of_alice(app)
    page = alice.get(f"{BELOW}/moderate/")
    waiting = the_comment(db_session, "Number 2")
    card = BeautifulSoup(page.text, "html5lib").find(attrs={"data-comment-id": str(waiting.id)})
    form = next(each for each in card.find_all("form") if each["action"].endswith("/decisions"))
    answer = alice.post(form["action"], data=fields_of(form) | {"status": "approved"})
    assert (answer.status_code, answer.location) == (303, f"{BELOW}/moderate/"), answer.text
    assert alice.get(answer.location).status_code == 200
    db_session.expire_all()
    assert the_comment(db_session, "Number 2").status == Status.APPROVED
    alice.post(f"{BELOW}/logout", data={"csrf_token": fields_of(form)["csrf_token"]})
    assert alice.get(f"{BELOW}/moderate/").location.startswith(f"{BELOW}/login?next=")


@pytest.mark.parametrize(
    "elsewhere",
    ["/moderate/", "/", "/comments", "/commentsevil/", "/comments/../admin", "/comments/%2e%2e/admin", "/comments/./..",
     "/comments/..%2fadmin", "/comments/x%2F..%5Cadmin",
     "/comments/.%2E/x", "//evil.example/comments/", "https://example.org/comments/", "/comments\\..\\x"],
)  # fmt: skip
def test_log_in_leads_nowhere_outside_of_the_path(app: Flask, paper: Site, elsewhere: str) -> None:
    browser = Proxied(app)
    form = BeautifulSoup(browser.get(f"{BELOW}/login").text, "html5lib").find("form", class_="login")
    data = fields_of(form) | {"email": "alice@moderators.example", "password": PASSWORD, "next": elsewhere}
    assert browser.post(form["action"], data=data).location == f"{BELOW}/moderate/"


def test_posting_without_a_script_keeps_the_cookie_below_the_path(app: Flask, paper: Site) -> None:
    browser = Proxied(app)
    where = {"site": "paper", "url": PAGE}
    page = browser.get(f"{BELOW}/thread", query_string=where)
    form = BeautifulSoup(page.text, "html5lib").find("form", id="respond")
    typed = {"body": "By hand", "name": "Hanako", "email": "h@readers.example"}
    assert form["action"] == f"{HOST}{BELOW}/embed/comments"
    answer = browser.post(
        f"{BELOW}/embed/comments", data=fields_of(form) | typed, headers={"Sec-Fetch-Mode": "navigate"}
    )
    assert answer.status_code == 303 and not outside(answer.location, f"{BELOW}/thread")
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Secure-kaiwa_own=") and f"Path={BELOW};" in f"{cookie};"
    assert "By hand" in browser.get(urlsplit(answer.location).path + "?" + urlsplit(answer.location).query).text


def test_emails_and_the_contract_name_the_path(app: Flask, paper: Site, smtp: MailServer) -> None:
    while outbox.run_once():
        pass
    links = [link for received in smtp.emails for link in re.findall(r"https?://example\.org[^\s\"<>]*", received.text)]
    assert len(smtp.emails) >= 3 and links and all(link.startswith(f"{HOST}{BELOW}/") for link in links)
    assert Proxied(app).get(f"{BELOW}/api/v1/openapi.json").json["servers"] == [{"url": f"{BELOW}/api/v1"}]


def test_the_widget_asks_beside_its_own_script(app: Flask, paper: Site) -> None:
    script = Proxied(app).get(f"{BELOW}/embed.js").text
    assert re.findall(r"""new URL\(['"`]/""", script) == []
    assert ORIGIN not in script and HOST not in script


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [("https://example.org", "__Host-kaiwa", "/"), ("http://localhost:8000", "kaiwa", "/"),
     ("http://localhost/c/d", "kaiwa", "/c/d"), ("https://example.org/c/", "__Secure-kaiwa", "/c")],
)  # fmt: skip
def test_cookies_belong_to_the_path(url: str, name: str, path: str) -> None:
    config = create_app({"DATABASE_URL": "sqlite://", "SECRET_KEY": "k" * 64, "PUBLIC_URL": url}).config
    assert (config["SESSION_COOKIE_NAME"], config["SESSION_COOKIE_PATH"]) == (name, path)
