"""Cost of each route of the route table, and of the trials of rules, at 10,000 and 1,000,000 comments."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text, update
from werkzeug.test import TestResponse

from app.desk import tokens, webhooks
from app.desk.transparency import MOST_DAYS
from app.extensions import db
from app.lib.clock import now
from app.lib.passwords import hash_password
from app.lib.signing import sign
from app.models import (
    ApiToken,
    Author,
    Comment,
    Decision,
    EmailChange,
    Invitation,
    Job,
    JobKind,
    JobState,
    Membership,
    Moderator,
    Notice,
    PasswordReset,
    Role,
    Site,
    SiteCounter,
    Status,
    Thread,
    WebhookFormat,
)
from app.models.api_token import PREFIX
from app.models.audit import Who
from app.models.section import Section
from app.notify import decision_links, signed_links
from bench import service
from bench.fill import Shape, fill, page_of, reindex, work_at_the_desk

SMALL, LARGE = 10_000, 1_000_000
TIMES = 3
# Limits: processor time of a route, its growth from the small store to the large one, and the time of a rule's trial,
# which searches thousands of comments. Growth below LEAST_MS is noise.
MOST_MS, MOST_GROWTH, TRIAL_MS, LEAST_MS = 100, 1.5, 300, 20
EMAIL, PASSWORD = "alice@bench.example", "correct horse battery"
BUSY_AUTHOR, PERSON = "busy@readers.example", "person@readers.example"
NETWORK = "203.0.113.0/24"
WATCHER = "w" * 32
API_TOKEN = PREFIX + "b" * 43
RESET = "r" * 43

Body = dict[str, Any]
# Redirects, a file without queries, pages of an installation without accounts, and pages in the middle of a log-in.
NOT_MEASURED = {
    "setup.front", "setup.show", "well_known.change_password", "well_known.security_txt", "factor.ask",
    "factors.show_app", "confirmation.done", "single_sign_on.start", "single_sign_on.finish", "single_sign_on.leave",
    "single_sign_on.confirm", "shared_lists.show", "published_list.show", "checkers.show", "api.checkers.show",
    "care.show_pause",
    # The generated decisions are in no chain.
    "own_comment.receipt",
}  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """A request to a route; `part`: only the first part of a streamed answer is read."""

    endpoint: str
    name: str
    path: str
    data: Body | Callable[[], Body] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    part: bool = False
    logged_in: bool = True

    def send(self, client: FlaskClient) -> TestResponse:
        if self.data is None:
            return client.get(self.path, headers=self.headers)
        data = self.data() if callable(self.data) else self.data
        return client.post(self.path, data=data, headers=self.headers)


@dataclass
class Cost:
    """Processor time and elapsed time in ms, bytes before compression, number of statements."""

    cpu: float
    ms: float
    size: int
    queries: int


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", type=int, default=SMALL)
    parser.add_argument("--large", type=int, default=LARGE)
    parser.add_argument("--plans", action="store_true", help="print the query plans")
    parser.add_argument("--only", default="", metavar="START", help="routes that begin like this: rules.make")
    parser.add_argument("--at", nargs=2, metavar="URL", help="two databases that are filled already")
    parser.add_argument("databases", nargs="*", default=service.DATABASES)
    given = parser.parse_args()
    failed = False
    for kind in given.databases:
        with ExitStack() as stack:
            if given.at:
                small, large = map(service.application, given.at)
            else:
                small, large = (stack.enter_context(store(kind, size)) for size in (given.small, given.large))
            failed |= compare(kind, small, large, given.only)
            if given.plans:
                print_plans(large)
    sys.exit(failed)


def compare(kind: str, small: Flask, large: Flask, only: str = "") -> bool:
    """Print the table. True if a route fails, has no example, or costs or grows too much."""
    print(f"\n{kind:58}{'CPU ms':>8}{'CPU ms':>8}{'ratio':>7}{'ms':>8}{'bytes':>10}{'queries':>9}")
    clients = [logged_in(small), logged_in(large)]
    pairs = list(zip(visits(small), visits(large), strict=True))
    missing = missing_routes(large, [visit for visit, _ in pairs])
    for endpoint in missing:
        print(f"{endpoint:58}NO EXAMPLE")
    failed = bool(missing)
    for before, after in pairs:
        if not before.endpoint.startswith(only):
            continue
        try:
            costs = measure((small, before, clients[0]), (large, after, clients[1]))
        except AnswerRefused as refusal:
            print(f"{after.endpoint + ', ' + after.name:58}{refusal}", flush=True)
            failed = True
            continue
        failed |= print_row(after, *costs)
    return failed


class AnswerRefused(Exception):
    """The status of an answer is not 2xx."""


def print_row(visit: Visit, small: Cost, large: Cost) -> bool:
    ratio = large.cpu / small.cpu if small.cpu else 1.0
    too_much = large.cpu > (TRIAL_MS if visit.endpoint == "rules.make" else MOST_MS) or (
        ratio > MOST_GROWTH and large.cpu > LEAST_MS
    )
    print(
        f"{visit.endpoint + ', ' + visit.name:58}{small.cpu:8.1f}{large.cpu:8.1f}{ratio:7.2f}{large.ms:8.1f}"
        f"{large.size:10,}{large.queries:9}{'  TOO MUCH' if too_much else ''}",
        flush=True,
    )
    return too_much


def missing_routes(app: Flask, known: list[Visit]) -> list[str]:
    """GET routes without an example: a new route needs one here."""
    have = {visit.endpoint for visit in known} | NOT_MEASURED
    rules = (rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()))
    return sorted({rule.endpoint for rule in rules} - have)


def measure(*stores: tuple[Flask, Visit, FlaskClient]) -> list[Cost]:
    """Median cost of a route on each store; rounds alternate, so a busy second of the machine affects all stores."""
    for _app, visit, client in stores:
        measure_once(visit, client)
    rounds = [[measure_once(visit, client) for _app, visit, client in stores] for _ in range(TIMES)]
    costs = []
    for at, (app, visit, client) in enumerate(stores):
        with service.recorded_statements(app) as statements:
            size = measure_once(visit, client)[2]
        cpu, ms = (statistics.median(each[at][which] for each in rounds) for which in (0, 1))
        costs.append(Cost(cpu, ms, size, len(statements)))
    return costs


def measure_once(visit: Visit, client: FlaskClient) -> tuple[float, float, int]:
    client = client if visit.logged_in else client.application.test_client()
    cpu, begin = time.process_time(), time.perf_counter()
    answer = visit.send(client)
    if not 200 <= answer.status_code < 300:
        raise AnswerRefused(answer.status)
    size = len(next(answer.iter_encoded(), b"")) if visit.part else len(answer.data)
    answer.close()
    return (time.process_time() - cpu) * 1000, (time.perf_counter() - begin) * 1000, size


def logged_in(app: Flask) -> FlaskClient:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    answer = client.post("/login", data={"email": EMAIL, "password": PASSWORD})
    if answer.status_code != 303:
        raise AnswerRefused(answer.status)
    return client


def print_plans(app: Flask) -> None:
    client, explain = logged_in(app), "EXPLAIN QUERY PLAN " if "sqlite" in app.config["DATABASE_URL"] else "EXPLAIN "
    for visit in visits(app):
        print(f"\n{visit.endpoint}, {visit.name}")
        with service.recorded_statements(app) as statements:
            measure_once(visit, client)
        for statement, parameters in statements:
            if statement.startswith("SELECT"):
                print(f"  {' '.join(statement.split())[:150]}")
                with app.app_context():
                    for row in db.session.connection().exec_driver_sql(explain + statement, parameters):
                        print(f"      {row[-1]}")


@dataclass(frozen=True)
class Examples:
    """Rows of a store that the visits name: the busiest article and author, and tokens of emailed links."""

    held: int
    shown: int
    busy_author: int
    thread: int
    job: int
    notice: int
    page: str
    cluster: str
    tokens: dict[str, str]


def visits(app: Flask) -> list[Visit]:
    with app.app_context():
        each = examples()
    app.config["METRICS_TOKEN"] = WATCHER
    return [*_public(each), *_email_links(each), *_desk(each), *_sites(each), *_trials(each), *_programs(each)]


def _public(each: Examples) -> Iterator[Visit]:
    here, busy = {"site": "bench", "url": page_of(7)}, {"site": "bench", "url": each.page}
    yield _get("static", "style", "/static/kaiwa.svg")
    for endpoint, path in (("script", "embed.js"), ("live", "live.js"), ("writing", "writing.js"),
                           ("solver", "work.js"), ("framed", "frame.js"), ("member", "member.js")):  # fmt: skip
        yield _get(f"embed.{endpoint}", "program", f"/{path}")
    yield _get("embed.stylesheet", "style", "/thread.css")
    yield _get("embed.counts", "of 20 pages", "/embed/counts", site="bench", url=[page_of(at) for at in range(20)])
    yield _get("embed.stamp", "a field", "/embed/stamp", site="bench")
    for endpoint, path in (("thread.fragment", "/embed/thread"), ("thread.page", "/thread"),
                           ("included.static", "/embed/static"),
                           ("api.threads.thread", "/api/v1/threads")):  # fmt: skip
        yield _get(endpoint, "50 comments", path, **here)
        yield _get(endpoint, "the busiest article", path, **busy)
        yield _get(endpoint, "the busiest article, newest", path, **busy, sort="newest")
        yield _get(endpoint, "the busiest article, helpful", path, **busy, sort="helpful")
    yield _get("thread.fragment", "at a comment", "/embed/thread", **busy, comment=each.shown)
    yield _get("feeds.site", "newest", "/feeds/site/bench.atom")
    yield _get("feeds.thread", "the busiest article", "/feeds/thread", **busy)
    for endpoint, path in (("feeds.picked", "/feeds/picks"), ("api.picks.picked", "/api/v1/picks")):
        yield _get(endpoint, "of the site", path, site="bench")
        yield _get(endpoint, "the busiest article", path, **busy)
    for name, given in (("newest", {}), ("of a section", {"section": "quiet"}), ("picks", {"picked": "1"})):
        yield _get("api.latest.latest", name, "/api/v1/comments/latest", site="bench", **given)
    yield _get("summary.show", "30 days", "/summary/bench")
    yield _get("summary.heads", "all", "/summary/bench/heads.json")
    yield _get("notices.ask", "form", "/notices/bench", comment=each.shown)
    yield _get("reports.ask", "dialog", f"/embed/report/{each.shown}", site="bench")
    yield _get("api.contract.openapi", "contract", "/api/v1/openapi.json")
    yield _get("api.reference.show", "contract", "/api/v1/docs")
    yield _get("health.healthz", "alive", "/healthz")
    yield _get("health.readyz", "ready", "/readyz")
    yield Visit("health.metrics", "all", "/metrics", headers={"Authorization": f"Bearer {WATCHER}"})


def _email_links(each: Examples) -> Iterator[Visit]:
    for endpoint, path in (("links.show", "act"), ("emails.show_confirm", "mail/confirm"),
                           ("emails.show_stop", "mail/stop"), ("emails.show_unfollow", "mail/unfollow"),
                           ("emails.show_appeal", "appeal"),
                           ("own_comment.show", "comment"), ("notice_links.show", "notice"),
                           ("inquiries.show", "inquiry"), ("invitation.look", "invitation"),
                           ("reset.show", "reset"), ("email_change.show", "email")):  # fmt: skip
        yield _get(endpoint, "from an email", f"/{path}/{each.tokens[endpoint]}")


def _desk(each: Examples) -> Iterator[Visit]:
    yield Visit("account.login", "form", "/login", logged_in=False)
    yield Visit("reset.ask", "form", "/reset", logged_in=False)
    yield _get("profile.show", "page", "/account")
    yield _get("confirmation.ask", "form", "/account/confirm")
    yield _get("factors.show_passkey", "form", "/account/factors/passkey")
    yield _get("account.show_session", "who is logged in", "/account/session")
    for name, given in QUEUES.items():
        yield _get("queue.show", name, "/moderate/", **given)
    for name, given in SEARCHES.items():
        yield _get("queue.find", name, "/moderate/search", **given)
    yield _get("queue.find", "alike", "/moderate/search", alike=each.held)
    for name, given in LOGS.items():
        yield _get("history.show", name, "/moderate/log", **given)
    yield _get("history.show_articles", "newest", "/moderate/log/articles")
    for form in ("csv", "jsonl"):
        yield Visit(f"history.articles_as_{form}", "first part", f"/moderate/log/articles.{form}", part=True)
    for endpoint, path in (("history.as_csv", "log.csv"), ("history.as_jsonl", "log.jsonl")):
        for name, given in LOGS.items():
            yield Visit(endpoint, f"first part, {name}", f"/moderate/{path}?{urlencode(given)}", part=True)
    for what in ("thread", "author", "article", "block"):
        endpoint = {"block": "context.block_choices"}.get(what, f"context.{what}")
        yield _get(endpoint, "busy article and author", f"/moderate/comments/{each.held}/{what}")
    yield _get("staff.ask", "a held comment", f"/moderate/comments/{each.held}/reply")
    yield _get("covers.ask", "a held comment", f"/moderate/comments/{each.held}/cover")
    yield _get("context.blocks", "one's own", "/moderate/blocks")
    yield _get("opinions.show", "none asked", "/moderate/opinions")
    yield _get("picks.log", "newest", "/moderate/log/picks")
    yield _get("audit.show", "newest", "/moderate/log/audit")
    for form in ("csv", "jsonl"):
        yield Visit(f"audit.as_{form}", "first part", f"/moderate/log/audit/{form}", {"kind": "logins"}, part=True)
    yield _get("cases.show_all", "open", "/moderate/notices")
    yield _get("cases.show", "an open case", f"/moderate/notices/{each.notice}")


def _sites(each: Examples) -> Iterator[Visit]:
    yield _get("sites.list_all", "sites", "/sites/")
    yield _get("sites.new", "form", "/sites/new")
    yield _get("system.show", "page", "/system")
    yield _get("system.as_json", "JSON", "/system.json")
    yield _get("start.show", "first steps", "/sites/bench/start")
    for page in ("settings", "reasons", "screening", "embed"):
        yield _get(f"sites.{page}", "page", f"/sites/bench/{page}")
    yield _get("wording.show", "page", "/sites/bench/words")
    yield _get("own_lists.reasons", "page", "/sites/bench/own-reasons")
    yield _get("own_lists.replies", "page", "/sites/bench/replies")
    yield _get("sections.show", "page", "/sites/bench/sections")
    yield _get("members.show", "page", "/sites/bench/moderators")
    yield _get("rules.show", "page", "/sites/bench/rules")
    yield _get("shared_lists.show_all", "page", "/sites/bench/lists")
    yield _get("member_keys.show", "page", "/sites/bench/members")
    yield _get("tokens.show", "page", "/sites/bench/tokens")
    yield _get("webhooks.show_all", "page", "/sites/bench/webhooks")
    yield _get("webhooks.show", "without deliveries", "/sites/bench/webhooks/1")
    yield _get("checkers.show_all", "page", "/sites/bench/checkers")
    yield _get("sites.house_checks", "page", "/sites/bench/house-checks")
    yield _get("transfers.show_all", "page", "/sites/bench/import")
    yield _get("transfers.show", "a finished export", f"/sites/bench/transfers/{each.job}")
    yield _get("privacy.show", "page", "/sites/bench/people")
    yield _get("threads.page", "the busiest article", f"/sites/bench/threads/{each.thread}")
    yield _get("threads.show", "newest", "/sites/bench/threads")
    yield _get("threads.show", "found", "/sites/bench/threads", q="story/7")
    yield _get("threads.show", "not found", "/sites/bench/threads", q="no such page")
    for days in (7, 30, 90):
        yield _get("statistics.show", f"{days} days", "/sites/bench/figures", days=days)
    yield _get("opinions.agreement", "a year", "/sites/bench/opinions", days=365)
    today = now().date()
    year = {"since": str(today - timedelta(days=MOST_DAYS - 1)), "until": str(today)}
    for kind in ("show", "as_csv", "as_json"):
        path = "" if kind == "show" else f"/report.{kind[3:]}"
        yield _get(f"transparency.{kind}", "a year", f"/sites/bench/transparency{path}", **year)


def _trials(each: Examples) -> Iterator[Visit]:
    for subject, value in TRIALS.items():
        value = str(each.busy_author) if subject == "author" else value
        given = {"subject": subject, "effect": "hold", "value": value, "try": "1"}
        yield Visit("rules.make", f"trial, {subject}", "/sites/bench/rules", given)
    yield Visit("threads.move", "trial", "/sites/bench/threads", {"moves": f"{each.page},{page_of(0)}/new", "try": "1"})
    yield Visit("privacy.find", "a person of 11 comments", "/sites/bench/people", {"email": PERSON})
    yield Visit("privacy.export", "a person of 11 comments", "/sites/bench/people/export", {"email": PERSON})
    yield Visit("comments.post", "a comment", "/embed/comments", new_comment)
    yield Visit("comments.preview", "a comment", "/embed/preview", {"site": "bench", "url": each.page, "body": "Hi"})


def _programs(each: Examples) -> Iterator[Visit]:
    """With a token, of one site."""
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    for endpoint, name, path in (
        ("site.token", "token", "token"), ("site.settings", "all", "settings"), ("rules.show", "all", "rules"),
        ("webhooks.show_all", "all", "webhooks"), ("webhooks.show", "one", "webhooks/1"),
        ("webhooks.deliveries", "none", "webhooks/1/deliveries"), ("checkers.show_all", "none", "checkers"),
        ("site.statistics", "90 days", "statistics?days=90"), ("queue.show", "all lanes", "queue?limit=100"),
        ("queue.show", "one lane", "queue?lane=2"), ("comments.show_all", "newest", "comments?limit=100"),
        ("comments.show_all", "spam", "comments?status=spam"),
        ("comments.show_all", "the busiest article", f"comments?thread={each.thread}"),
        ("comments.show_all", "the busiest author", f"comments?author={each.busy_author}"),
        ("comments.show", "a held comment", f"comments/{each.held}"),
        ("comments.decisions", "a held comment", f"comments/{each.held}/decisions"),
        ("decisions.notes", "a held comment", f"comments/{each.held}/notes"),
        ("threads.show", "the busiest article", f"threads/{each.thread}"), ("threads.thread", "newest", "threads"),
        ("threads.thread", "found", "threads?q=story/7"),
        ("authors.show", "the busiest", f"authors/{each.busy_author}"),
        ("reports.show", "newest", "reports"), ("reports.show", "open", "reports?open=true"),
        ("notices.show_all", "without a decision", "notices"), ("notices.show", "a case", f"notices/{each.notice}"),
        ("log.show", "newest", "log"), ("log.show", "people", "log?people=true"),
        ("log.find", "words", "search?q=ferry"),
        ("transfers.imports", "newest", "imports"), ("transfers.show", "a finished export", f"imports/{each.job}"),
    ):  # fmt: skip
        yield Visit(f"api.{endpoint}", name, f"/api/v1/{path}", headers=headers, logged_in=False)
    yield Visit("api.log.export", "first part", "/api/v1/log.jsonl", headers=headers, part=True, logged_in=False)


def new_comment() -> Body:
    """On an article of its own, so that the pages of other visits stay as they are; no text is sent twice."""
    words = {"name": "Reader", "email": "reader@readers.example", "body": f"At {time.time_ns()} the bell rang."}
    return {"site": "bench", "url": page_of(9)} | words


def _get(endpoint: str, name: str, path: str, /, **query: Any) -> Visit:
    return Visit(endpoint, name, f"{path}?{urlencode(query, doseq=True)}" if query else path)


QUEUES: dict[str, dict[str, Any]] = {
    "all lanes": {},
    "one lane": {"lane": 2},
    "as a list": {"view": "list"},
    "snoozed": {"deferred": "1"},
    "approved": {"status": "approved"},
    "worth picking": {"status": "approved", "sort": "worth"},
    "spam": {"status": "spam"},
    "rejected": {"status": "rejected"},
}
SEARCHES: dict[str, dict[str, Any]] = {
    "form": {},
    "words": {"q": "ferry"},
    "words, not found": {"q": "nowhere"},
    "words of a status": {"q": "ferry", "status": "pending"},
    "words decided so": {"q": "ferry", "reason": "spam"},
    "words, dates": {"q": "ferry", "until": "2020-02-02"},
    "a name": {"name": "Reader 7"},
    "an article": {"article": page_of(7)},
    "articles": {"article": page_of(1)[:-1]},
    "an email": {"email": PERSON},
    "a busy email": {"email": BUSY_AUTHOR},
    "a busy email, rejected": {"email": BUSY_AUTHOR, "status": "rejected"},
    "a status": {"status": "spam"},
    "a status that is rare": {"status": "rejected"},
    "a reason": {"reason": "spam"},
    "since a day": {"since": "2020-02-02"},
    "until a day": {"until": "2020-02-02"},
}
LOGS: dict[str, dict[str, Any]] = {
    "newest": {},
    "a site": {"site": "1"},
    "a site without any": {"site": "2"},
    "a status": {"status": "spam"},
    "a status that is rare": {"status": "rejected"},
    "a reason": {"reason": "spam"},
    "a reason that is rare": {"reason": "off_topic"},
    "until a day": {"until": "2020-02-02"},
}
TRIALS = {
    "word": "ferry",
    "pattern": "bell.{1,20}twice",
    "link_domain": "spam.example",
    "author": "1",
    "email": BUSY_AUTHOR,
    "email_domain": "readers.example",
    "address": NETWORK,
}


def examples() -> Examples:
    """The rows of `store`."""
    one = db.session.execute
    page, thread_id = one(select(Thread.url, Thread.id).order_by(Thread.id.desc()).limit(1)).one()
    busy = db.session.scalars(select(Author).where(Author.email_index.like("%"), Author.id == 1)).one()
    here = select(Comment).where(Comment.thread_id == thread_id).order_by(Comment.id.desc()).limit(1)
    held = db.session.scalars(here.where(Comment.status == Status.PENDING, Comment.author_id == busy.id)).one()
    shown = db.session.scalars(here.where(Comment.status == Status.APPROVED)).one()
    refused = db.session.scalars(select(Decision).where(Decision.to_status == Status.REJECTED).limit(1)).one()
    invitation = db.session.scalars(select(Invitation)).one()
    alice = db.session.scalars(select(Moderator).where(~Moderator.is_program)).one()
    job = db.session.scalars(select(Job.id)).one()
    notice = db.session.scalars(select(Notice)).one()
    change = db.session.scalars(select(EmailChange)).one()
    urls = {
        "links.show": decision_links.link_for(held, Status.APPROVED, alice),
        "emails.show_confirm": signed_links.confirm_link(busy),
        "emails.show_stop": signed_links.stop_link(busy),
        "own_comment.show": signed_links.own_link(held),
        "inquiries.show": signed_links.inquiry_link(notice),
        "notice_links.show": signed_links.notice_link(notice, emailed=True),
        "emails.show_unfollow": signed_links.unfollow_link(busy, shown, "page"),
        "emails.show_appeal": signed_links.appeal_link(refused),
        "invitation.look": sign("invitation", invitation.id),
        "email_change.show": sign("email_change", [change.id, change.nonce, "old"]),
        "reset.show": RESET,
    }
    links = {endpoint: url.rpartition("/")[2] for endpoint, url in urls.items()}
    return Examples(held.id, shown.id, busy.id, thread_id, job, notice.id, page, held.cluster, links)


@contextmanager
def store(kind: str, comments: int) -> Iterator[Flask]:
    with service.database(kind) as url, service.filled(url, public_summary=True) as app:
        fill_store(app, comments)
        yield app


def fill_store(app: Flask, comments: int) -> None:
    """Two sites of one owner: an empty one, and one with a twentieth of its comments below one article."""
    busiest = comments // 500 * 25
    threads = (comments - busiest) // 50
    fill(app, Shape(threads, 50, desk=True), 0)
    fill(app, Shape(1, busiest, desk=True), threads)
    with app.app_context():
        alice = create_owner()
        set_details()
    work_at_the_desk(app, alice)
    with app.app_context():
        make_section()
        reject_one()
        send_notice()
        reindex()
        SiteCounter.recount()
        db.session.commit()


def create_owner() -> int:
    """The id of an owner of both sites, with an open invitation."""
    sites = [db.session.scalars(select(Site)).one(), Site(key="other", name="Other", lang="en", origins=[])]
    memberships = [Membership(site=each, role=Role.OWNER) for each in sites]
    who = {"name": "Alice", "email": EMAIL, "email_index": Moderator.index_of(EMAIL)}
    alice = Moderator(**who, password_hash=hash_password(PASSWORD), memberships=memberships, is_operator=True)
    db.session.add(alice)
    db.session.flush()
    email = "bob@bench.example"
    db.session.add(Job(site=sites[0], kind=JobKind.EXPORT, state=JobState.DONE, format="csv", name="bench.csv"))
    token, _secret = tokens.make(sites[0], name="CMS", role=Role.ADMIN, by=Who.OPERATOR)
    token.token_hash = ApiToken.hash_of(API_TOKEN)
    hook = {"name": "CMS", "address": "https://hooks.example/x", "events": ["site.flood"]}
    webhooks.add(sites[0], **hook, format=WebhookFormat.STANDARD, by=Who.OPERATOR)
    db.session.add(Invitation(site=sites[0], email=email, role=Role.MODERATOR, made_by=alice))
    db.session.add(EmailChange(moderator=alice, email=email))
    PasswordReset.offer(alice, RESET, now())
    db.session.commit()
    return alice.id


def set_details() -> None:
    """Give email addresses to the busiest author and to an author of eleven comments, and a link to the newest one."""
    bench = db.session.scalars(select(Site).where(Site.key == "bench")).one()
    busy, person = db.session.get_one(Author, 1), db.session.get_one(Author, 2)
    for author, email in ((busy, BUSY_AUTHOR), (person, PERSON)):
        author.email, author.email_index = email, Author.index_of(bench, email)
    highest = db.session.scalar(text("SELECT max(id) FROM comment")) or 0
    ids = [highest * at // 11 - 1 for at in range(1, 12)]
    db.session.execute(update(Comment).where(Comment.id.in_(ids)).values(author_id=person.id))
    newest = Comment.status == Status.PENDING, Comment.author_id == busy.id
    held = db.session.scalars(select(Comment).where(*newest).order_by(Comment.id.desc()).limit(1)).one()
    held.body, held.html = "See https://spam.example/1", "<p>See https://spam.example/1</p>"
    held.address, held.address_index = NETWORK, Comment.network_index(bench, NETWORK)
    db.session.commit()


def make_section() -> None:
    """A quiet section: its one article is the oldest."""
    bench = db.session.scalars(select(Site).where(Site.key == "bench")).one()
    bench.sections = [Section("quiet", "Quiet").as_json()]
    oldest = db.session.scalars(select(Thread).where(Thread.site_id == bench.id).order_by(Thread.id).limit(1)).one()
    oldest.put_into_section(Section("quiet", "Quiet"))
    db.session.commit()


def send_notice() -> None:
    comment = db.session.scalars(select(Comment).where(Comment.status == Status.APPROVED).limit(1)).one()
    due = {"site_id": comment.site_id, "comment": comment, "due_at": now() + timedelta(days=7), "asked_at": now()}
    db.session.add(Notice(claim="privacy", explanation="My address is in it.", **due))
    db.session.commit()


def reject_one() -> None:
    spam = select(Decision).where(Decision.to_status == Status.SPAM).order_by(Decision.id).limit(1)
    decision = db.session.scalars(spam).one()
    decision.to_status = Status.REJECTED
    decision.comment.status = Status.REJECTED
    db.session.commit()


if __name__ == "__main__":
    main()
