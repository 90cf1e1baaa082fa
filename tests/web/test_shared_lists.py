"""Shared lists on the desk: publish, compare the key, subscribe, judge lines, undo. Publishers are hostile."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import column, func, select, table
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from app.desk import list_fetching, list_updates, shared_lists
from app.desk.list_words import REFUSED, TROUBLES
from app.errors import Refused
from app.extensions import db
from app.lib import signed_list
from app.lib.clock import now
from app.lib.language import speaking
from app.models import (
    AuditEvent,
    Effect,
    LineState,
    ListLine,
    ListSubscription,
    Moderator,
    Site,
    Status,
    Subject,
)
from app.models.audit import Who
from app.moderation import listed
from app.screening import list_publishing, list_trial, rules
from tests.cast import Reader, a_moderator, a_site, move, the_comment
from tests.screening.test_shared_lists import content
from tests.serving import serving
from tests.statements import recorded
from tests.web.test_checkers import alice, paper
from tests.web.test_members import press
from tests.web.test_queue import ENGLISH

__all__ = ["alice", "paper"]

PAGE = "/sites/paper/lists"
KEY, FOREIGN = signed_list.new_key(), signed_list.new_key()
PUBLIC = signed_list.public_key_of(KEY)


class Publisher:
    """A publisher whose answers the test sets."""

    def __init__(self) -> None:
        self.body, self.etag, self.asked, self.status = b"", "", [], 200

    def sign(self, *entries: Any, key: str = KEY, changes: list[str] | None = None, **more: Any) -> None:
        self.body = signed_list.sign(json.dumps(content(entries, **more)).encode(), key, changes or [])

    def get(self, url: str, headers: dict[str, str], **_more: Any) -> Any:
        self.asked.append((url, headers))
        unchanged = self.etag and headers.get("If-None-Match") == self.etag
        status = 304 if unchanged else self.status
        return list_fetching.http_client.Answer(status, {"ETag": self.etag}, b"" if unchanged else self.body)  # type: ignore[arg-type]


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    made = Publisher()
    made.sign({"word": "casino"}, {"domain": "bad.example"})
    monkeypatch.setattr(list_fetching.http_client, "get", made.get)
    return made


URL = "https://news.example/list.json"


def subscribe(site: Site, url: str = URL, effect: Effect = Effect.HOLD) -> ListSubscription:
    made = shared_lists.subscribe(site, url, PUBLIC, effect, by=Who.OPERATOR)
    db.session.commit()
    return made


def refresh(subscription: ListSubscription) -> str:
    trouble = shared_lists.refresh(subscription.id)
    db.session.commit()
    return trouble


def lines(subscription: ListSubscription) -> dict[str, str]:
    found = {line.value: line.state for line in ListLine.of(subscription)}
    # SQLite has one writer.
    db.session.commit()
    return found


def own_page(subscription: ListSubscription) -> str:
    id = subscription.id
    db.session.commit()
    return f"{PAGE}/{id}"


def count(kind: type) -> int:
    found = db.session.query(kind).count()
    db.session.commit()
    return found


def alerts(answer: Any) -> dict[str, str]:
    page = BeautifulSoup(answer.text, "html5lib")
    return {each["id"].removesuffix("-error"): each.text for each in page.select("[role=alert][id]")}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_button_that_is_pressed_twice_at_once_subscribes_once(app: Flask, paper: Site, publisher: Publisher) -> None:
    def again() -> None:
        with app.app_context(), pytest.raises(Refused, match="subscribed"):
            shared_lists.subscribe(Site.with_key("paper"), URL, PUBLIC, Effect.HOLD, by=Who.OPERATOR)
        refused.set()

    shared_lists.subscribe(paper, URL, PUBLIC, Effect.HOLD, by=Who.OPERATOR)
    waiting = select(func.count()).select_from(table("pg_locks", column("granted"))).where(~column("granted"))
    refused, second = threading.Event(), threading.Thread(target=again)
    second.start()
    with db.engine.connect() as other:
        while second.is_alive() and not other.scalar(waiting):
            sleep(0.01)
    db.session.commit()
    second.join()
    assert refused.is_set() and count(ListSubscription) == 1


def test_an_admin_compares_the_fingerprint_before_subscribing(
    desk: FlaskClient, publisher: Publisher, db_session: Session
) -> None:
    assert "No subscriptions yet" in desk.get(PAGE, headers=ENGLISH).text
    looked = press(desk, f"{PAGE}/look", PAGE, list_url=URL, key="")
    assert looked.status_code == 200 and signed_list.fingerprint(PUBLIC) in looked.text
    assert count(ListSubscription) == 0
    given = {"list_url": URL, "key": PUBLIC, "effect": "hold"}
    refused = press(desk, PAGE, PAGE, **given)
    assert refused.status_code == 422 and "compared" in alerts(refused) and PUBLIC in refused.text
    made = press(desk, PAGE, PAGE, **given, compared="y")
    assert made.status_code == 303
    page = desk.get(made.location, headers=ENGLISH).text
    assert "casino" in page and "bad.example" in page and "Lines in use (2)" in page
    again = press(desk, f"{PAGE}/look", PAGE, list_url=URL, key="")
    assert again.status_code == 409 and "already" in alerts(again)["list-url"]
    # Another key than the one that was compared.
    publisher.sign({"word": "casino"}, key=FOREIGN)
    other = press(desk, PAGE, PAGE, **given | {"list_url": f"{URL}?2"}, compared="y")
    assert other.status_code == 422 and count(ListSubscription) == 1
    assert db_session.query(AuditEvent).order_by(AuditEvent.id.desc()).first().event == "list_subscribed"


NO_ADDRESSES = (
    "http://news.example/list.json", "ftp://news.example/", "https://10.0.0.1/list.json", "https://[fc00::1]/",
    "javascript:alert(1)", "https://user:pass@news.example/", "", "https://" + "x" * 3_000,
)  # fmt: skip


def test_an_address_of_another_kind_is_never_asked(desk: FlaskClient, publisher: Publisher) -> None:
    for url in NO_ADDRESSES:
        answer = press(desk, f"{PAGE}/look", PAGE, list_url=url)
        assert answer.status_code == 422 and "list-url" in alerts(answer) and not publisher.asked, url


def test_a_site_admin_cannot_reach_this_machine(
    app: Flask, desk: FlaskClient, publisher: Publisher, alice: Moderator
) -> None:
    app.config["PUBLIC_URL"] = "https://comments.example"
    with pytest.raises(shared_lists.Refused) as no:
        list_fetching.checked_url("http://127.0.0.1:9/list.json", alice)
    assert no.value.field == "url" and not publisher.asked


def test_a_comment_with_a_line_of_the_list_is_held_and_the_card_names_it(
    client: FlaskClient, desk: FlaskClient, paper: Site, publisher: Publisher, db_session: Session
) -> None:
    subscribe(paper)
    assert Reader(client).post("See https://bad.example/x").status_code == 202
    assert Reader(client).post("A ferry.").status_code == 201
    comment = the_comment(db_session, "See https://bad.example/x")
    assert comment.status == Status.PENDING
    card = desk.get("/moderate/", headers=ENGLISH).text
    assert "on the shared list News: https://bad.example/x" in card


def test_a_line_that_would_hit_a_published_comment_waits_for_a_person(
    client: FlaskClient, desk: FlaskClient, paper: Site, publisher: Publisher, db_session: Session
) -> None:
    assert Reader(client).post("The casino of Monaco closed.").status_code == 201
    subscription = subscribe(paper)
    assert lines(subscription) == {"casino": LineState.HELD, "bad.example": LineState.ACTIVE}
    page = own_page(subscription)
    shown = desk.get(page, headers=ENGLISH).text
    assert "The casino of Monaco closed." in shown and "hits 1 published comment" in shown
    # Not to a moderator who is asked for a second opinion on that comment.
    paper.second_opinions = 100
    bob, comment = a_moderator(db_session, paper, "bob"), the_comment(db_session, "The casino of Monaco closed.")
    move(db_session, comment, Status.APPROVED, bob)
    assert "The casino of Monaco closed." not in desk.get(page, headers=ENGLISH).text
    assert Reader(client).post("Another casino").status_code == 201
    line = db_session.query(ListLine).filter_by(value="casino").one()
    db_session.commit()
    assert press(desk, f"{page}/lines/{line.id}", page, act="active").status_code == 303
    assert Reader(client).post("A third casino").status_code == 202
    assert press(desk, f"{page}/lines/{line.id}", page, act="ignored").status_code == 303
    assert Reader(client).post("A fourth casino").status_code == 201
    assert press(desk, f"{page}/lines/{line.id}", page, act="held").status_code == 400
    # An ignored line stays so, even if the list drops the line and has it again.
    publisher.sign({"domain": "bad.example"}, sequence=2)
    assert refresh(subscription) == "" and lines(subscription)["casino"] == LineState.IGNORED
    publisher.sign({"word": "Casino"}, sequence=3)
    assert refresh(subscription) == "" and lines(subscription) == {"casino": LineState.IGNORED}


def test_all_waiting_lines_are_ignored_at_once(
    client: FlaskClient, desk: FlaskClient, paper: Site, publisher: Publisher
) -> None:
    Reader(client).post("casino and bad.example")
    subscription = subscribe(paper)
    page = own_page(subscription)
    assert press(desk, f"{page}/ignore-held", page).status_code == 303
    assert set(lines(subscription).values()) == {LineState.IGNORED}


def test_a_trial_without_time_holds_every_line(
    paper: Site, client: FlaskClient, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reader(client).post("A ferry.")
    monkeypatch.setattr(list_trial, "TRIAL_SECONDS", -1.0)
    assert set(lines(subscribe(paper)).values()) == {LineState.HELD}


def test_the_file_is_asked_for_only_if_it_changed(paper: Site, publisher: Publisher, db_session: Session) -> None:
    publisher.etag = 'W/"1"'
    subscription = subscribe(paper)
    assert refresh(subscription) == "" and publisher.asked[-1][1]["If-None-Match"] == 'W/"1"'
    assert subscription.fetched_at and lines(subscription)
    # An answer that never changes keeps no list alive.
    subscription.expires_at = now() - timedelta(seconds=1)
    db_session.commit()
    assert refresh(subscription) == "expired"


def test_lines_end_with_the_list_and_with_their_own_time(
    paper: Site, client: FlaskClient, publisher: Publisher, db_session: Session
) -> None:
    subscription = subscribe(paper)
    publisher.sign({"word": "casino"}, sequence=2)
    assert refresh(subscription) == "" and lines(subscription) == {"casino": LineState.ACTIVE}
    assert Reader(client).post("A casino").status_code == 202
    (line,) = ListLine.of(subscription)
    paper.rules_version += 1
    line.expires_at = now() - timedelta(seconds=1)
    db_session.commit()
    assert Reader(client).post("One more casino").status_code == 201


OLD = content([{"word": "casino"}], issued="2025-01-01T00:00:00Z", expires="2025-02-01T00:00:00Z", sequence=9)


POKER = {"word": "poker"}
REFUSALS: list[tuple[str, Callable[[Publisher], None]]] = [
    ("key", lambda p: p.sign(POKER, key=FOREIGN, sequence=6)),
    ("replayed", lambda p: p.sign(POKER, sequence=5)),
    ("older", lambda p: p.sign(POKER, sequence=4)),
    ("another_list", lambda p: p.sign(POKER, sequence=6, id="other")),
    ("expired", lambda p: setattr(p, "body", signed_list.sign(json.dumps(OLD).encode(), KEY))),
    ("signature", lambda p: setattr(p, "body", p.body.replace(b'"signature":"', b'"signature":"A'))),
    ("malformed", lambda p: setattr(p, "body", b"<html>")),
    ("too_large", lambda p: setattr(p, "body", b" " * (3 << 20))),
    ("too_many_lines", lambda p: p.sign(*[POKER] * 5_001, sequence=6)),
    ("status", lambda p: setattr(p, "status", 302)),
]


def test_a_refused_file_changes_nothing_and_the_page_says_why(
    desk: FlaskClient, paper: Site, publisher: Publisher
) -> None:
    publisher.sign({"word": "casino"}, {"domain": "bad.example"}, sequence=5)
    subscription = subscribe(paper)
    before, page = lines(subscription), own_page(subscription)
    for trouble, change in REFUSALS:
        change(publisher)
        assert refresh(subscription) == trouble
        shown = BeautifulSoup(desk.get(page, headers=ENGLISH).text, "html5lib").get_text()
        with speaking("en"):
            said = str(TROUBLES[trouble])
        assert said in shown and "known lines stay in use" in shown, trouble
        assert lines(subscription) == before and subscription.next_at > now(), trouble
    publisher.status = 200
    publisher.sign(POKER, sequence=6)
    assert press(desk, f"{page}/refresh", page).status_code == 303 and lines(subscription) == {"poker": "active"}


def test_a_confirmed_new_key_is_followed_and_written_down(
    paper: Site, publisher: Publisher, db_session: Session
) -> None:
    subscription = subscribe(paper)
    new = signed_list.public_key_of(FOREIGN)
    publisher.sign({"word": "poker"}, key=FOREIGN, changes=[signed_list.change_key(KEY, new)], sequence=2)
    assert refresh(subscription) == "" and subscription.key == new and lines(subscription) == {"poker": "active"}
    assert db_session.query(AuditEvent).filter_by(event="list_key_followed").count() == 1
    publisher.sign({"word": "casino"}, sequence=3)
    assert refresh(subscription) == "key"


def test_an_unconfirmed_key_is_accepted_only_if_a_person_compared_it(
    desk: FlaskClient, paper: Site, publisher: Publisher, db_session: Session, client: FlaskClient
) -> None:
    assert Reader(client).post("The casino of Monaco closed.").status_code == 201
    subscription = subscribe(paper)
    page, new = own_page(subscription), signed_list.public_key_of(FOREIGN)
    publisher.sign({"word": "casino"}, POKER, key=FOREIGN, sequence=2)
    assert refresh(subscription) == "key" and "Look at the new key" in desk.get(page, headers=ENGLISH).text
    looked = press(desk, f"{page}/key", page)
    assert looked.status_code == 200 and signed_list.fingerprint(new) in looked.text
    refused = press(desk, f"{page}/key", page, key=new)
    assert refused.status_code == 422 and "compared" in alerts(refused)
    for other in (signed_list.public_key_of(signed_list.new_key()), "x", PUBLIC):
        assert press(desk, f"{page}/key", page, key=other, compared="y").status_code == 303
        db_session.refresh(subscription)
        assert subscription.key == PUBLIC
        db_session.commit()
    assert press(desk, f"{page}/key", page, key=new, compared="y").status_code == 303
    db_session.refresh(subscription)
    assert subscription.key == new and subscription.trouble == ""
    assert lines(subscription) == {"casino": LineState.HELD, "poker": LineState.ACTIVE}
    event = db_session.query(AuditEvent).filter_by(event="list_key_followed").one()
    assert event.actor_name == "Alice"
    db_session.commit()


def test_undo_ends_all_lines_and_its_comments_are_judged_again(
    client: FlaskClient, desk: FlaskClient, paper: Site, publisher: Publisher, db_session: Session, alice: Moderator
) -> None:
    rules.create([rules.draft(paper, Subject.WORD, Effect.HOLD, "ferry")])
    subscription = subscribe(paper, effect=Effect.SPAM)
    texts = ["A casino", "A casino on the ferry", "A casino, they say", "A ferry"]
    for text in texts:
        assert Reader(client).post(text).status_code == 202
    # A moderator's decision stays.
    move(db_session, the_comment(db_session, texts[2]), Status.REJECTED, alice)
    with recorded(db.engine) as statements:
        assert len(listed.held_by(subscription)) == 2
    assert sum("FROM decision" in each for each in statements) == 1
    page = own_page(subscription)
    assert press(desk, f"{page}/return", page).status_code == 409
    assert press(desk, f"{page}/undo", page).status_code == 303 and not lines(subscription)
    assert Reader(client).post("casino!").status_code == 201
    shown = desk.get(page, headers=ENGLISH).text
    assert "A casino on the ferry" in shown and texts[2] not in shown and "Comments that it held (2)" in shown
    assert press(desk, f"{page}/return", page).status_code == 303
    found = {text: the_comment(db_session, text).status for text in texts}
    assert list(found.values()) == [Status.APPROVED, Status.PENDING, Status.REJECTED, Status.PENDING]
    assert not listed.held_by(subscription)
    assert all(each["check"] != "listed" for each in the_comment(db_session, texts[1]).reasons)
    assert press(desk, f"{page}/refresh", page).status_code == 303 and not lines(subscription)
    events = [each.event for each in db_session.query(AuditEvent).order_by(AuditEvent.id)]
    assert events[-2:] == ["list_undone", "list_comments_returned"]


def test_of_two_lists_the_other_one_keeps_the_comment(
    client: FlaskClient, paper: Site, publisher: Publisher, db_session: Session
) -> None:
    first, second = subscribe(paper, effect=Effect.SPAM), subscribe(paper, f"{URL}?2")
    Reader(client).post("A casino")
    assert the_comment(db_session, "A casino").status == Status.SPAM
    shared_lists.undo(first, by=Who.OPERATOR)
    assert len(list(listed.give_back(first))) == 1
    db_session.commit()
    assert the_comment(db_session, "A casino").status == Status.PENDING
    assert not listed.held_by(first) and len(listed.held_by(second)) == 1


def test_a_site_has_a_limit_of_lists_and_lines(
    paper: Site, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_lists, "MOST_LISTS", 2)
    monkeypatch.setattr(list_updates, "MOST_ON_SITE", 3)
    first = subscribe(paper)
    second = subscribe(paper, f"{URL}?2")
    assert (len(lines(first)), len(lines(second)), second.refused) == (2, 1, {"full": 1})
    with pytest.raises(shared_lists.Refused) as no:
        subscribe(paper, f"{URL}?3")
    assert no.value.code == "too_many_lists"


def test_the_public_file_is_there_only_while_it_is_published(
    desk: FlaskClient, client: FlaskClient, paper: Site, db_session: Session
) -> None:
    rules.create([rules.draft(paper, Subject.WORD, Effect.HOLD, "casino", reason="Hanako complained")])
    db_session.commit()
    assert client.get("/lists/paper.json").status_code == 404
    refused = press(desk, f"{PAGE}/publish", PAGE, is_on="y")
    assert refused.status_code == 422 and "kinds" in alerts(refused)
    assert press(desk, f"{PAGE}/publish", PAGE, is_on="y", words="y").status_code == 303
    answer = client.get("/lists/paper.json")
    shown = desk.get(PAGE, headers=ENGLISH).text
    key = signed_list.verify(answer.data).key
    assert answer.status_code == 200 and answer.mimetype == "application/json" and key in shown
    assert signed_list.fingerprint(key) in shown and "http://localhost/lists/paper.json" in shown
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert client.get("/lists/paper.json", headers=etag).status_code == 304
    (rule,) = rules.Rule.standing(paper)
    db_session.commit()
    assert press(desk, f"{PAGE}/rules/{rule.id}", PAGE, act="keep").status_code == 303
    assert json.loads(signed_list.verify(client.get("/lists/paper.json").data).payload)["entries"] == []
    assert press(desk, f"{PAGE}/key", PAGE).status_code == 303
    assert signed_list.verify(client.get("/lists/paper.json").data, key).key != key
    assert press(desk, f"{PAGE}/publish", PAGE, words="y").status_code == 303
    assert client.get("/lists/paper.json").status_code == 404 and client.get("/lists/none.json").status_code == 404


def test_one_site_publishes_and_another_one_subscribes_over_the_network(
    app: Flask, paper: Site, db_session: Session, client: FlaskClient
) -> None:
    other = a_site(db_session, "other", lang="en", origins=["https://other.example"], name="Other")
    rules.create([rules.draft(other, Subject.WORD, Effect.REJECT, "casino")])
    rules.create([rules.draft(other, Subject.LINK_DOMAIN, Effect.SPAM, "paper.example")])
    found = list_publishing.change(other, is_on=True, words=True, domains=True, by=Who.OPERATOR)
    key = list_publishing.public_key(found)
    db_session.commit()
    app.config["TRUSTED_HOSTS"] = None
    with serving(make_server("127.0.0.1", 0, app, threaded=True)) as address:
        url = f"{address}/lists/other.json"
        made = shared_lists.subscribe(paper, url, key, Effect.HOLD, by=Who.OPERATOR)
        db_session.commit()
        assert (made.name, made.trouble, lines(made)) == ("Other", "", {"casino": "active"})
        assert made.refused == {"own": 1} and made.etag
        assert refresh(made) == ""
        list_publishing.change_key(found, by=Who.OPERATOR)
        rules.create([rules.draft(other, Subject.WORD, Effect.REJECT, "poker")])
        assert list(list_publishing.reissue_due()) == [found]
        db_session.commit()
        assert refresh(made) == "" and lines(made) == {"casino": "active", "poker": "active"}
    assert Reader(client).post("A casino").status_code == 202
    assert refresh(made) == "unreachable" and len(lines(made)) == 2


LONG = signed_list.sign(b" " * 300_000, KEY)


class _Hostile(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if "away" in self.path else 200)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()
        try:
            if "long" in self.path:
                self.wfile.write(LONG)
            elif "huge" in self.path:
                for _part in range(100):
                    self.wfile.write(b" " * (1 << 20))
            while "drip" in self.path:
                self.wfile.write(b" ")
                self.server.stopped.wait(0.05)  # type: ignore[attr-defined]
        except OSError:
            self.close_connection = True

    def log_message(self, *_args: Any) -> None:
        """Quiet."""


def test_a_publisher_that_sends_too_much_or_too_slowly_is_left(
    paper: Site, monkeypatch: pytest.MonkeyPatch, app: Flask
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hostile)
    server.stopped = threading.Event()  # type: ignore[attr-defined]
    server.daemon_threads = True
    with serving(server) as address:
        read, _trouble = list_fetching.try_fetch(f"{address}/long", PUBLIC)
        monkeypatch.setattr(list_fetching, "SECONDS", 0.5)
        found = {path: list_fetching.try_fetch(f"{address}/{path}", PUBLIC)[1] for path in ("huge", "drip", "away")}
        server.stopped.set()  # type: ignore[attr-defined]
    assert read is not None and len(read.payload) == 300_000
    assert (found["drip"], found["away"]) == ("unreachable", "status")
    assert found["huge"] in ("too_large", "unreachable")


def test_the_worker_refreshes_due_lists_only(paper: Site, publisher: Publisher, db_session: Session) -> None:
    subscription = subscribe(paper)
    assert not list(shared_lists.refresh_due())
    subscription.next_at = now() - timedelta(seconds=1)
    db_session.commit()
    publisher.sign({"word": "poker"}, sequence=2)
    for _step in shared_lists.refresh_due():
        db_session.commit()
    assert lines(subscription) == {"poker": "active"} and subscription.next_at > now() + timedelta(hours=23)
    shared_lists.undo(subscription, by=Who.OPERATOR)
    subscription.undone_at = now() - timedelta(days=31)
    db_session.commit()
    shared_lists.forget_undone()
    assert count(ListSubscription) == 0


def test_every_trouble_and_reason_has_words_in_both_languages(app: Flask) -> None:
    told = []
    for lang in ("ja", "en"):
        with app.test_request_context(headers={"Accept-Language": lang}):
            told.append([str(each) for each in (*TROUBLES.values(), *REFUSED.values())])
    assert not set(told[0]) & set(told[1])


def test_commands_publish_subscribe_refresh_and_undo(
    app: Flask, paper: Site, publisher: Publisher, db_session: Session, client: FlaskClient
) -> None:
    rules.create([rules.draft(paper, Subject.WORD, Effect.HOLD, "spamword")])
    db_session.commit()

    def run(*args: str) -> Any:
        done = app.test_cli_runner().invoke(args=["lists", *args])
        db_session.commit()
        return done

    assert "Choose words" in run("publish", "paper").output
    told = json.loads(run("publish", "paper", "--words", "--json").output)
    assert told["lines"] == 1 and told["url"] == "http://localhost/lists/paper.json"
    renewed = json.loads(run("publish", "paper", "--new-key", "--json").output)
    assert renewed["public_key"] != told["public_key"] and renewed["sequence"] > told["sequence"]
    assert json.loads(run("publish", "paper", "--off", "--json").output)["url"] is None
    assert "not a public key" in run("subscribe", "paper", URL, "--public-key", "x").output
    made = json.loads(run("subscribe", "paper", URL, "--public-key", PUBLIC, "--json").output)
    assert made["lines"]["active"] == 2 and run("list", "paper").output.endswith("2 active\tok\n")
    assert Reader(client).post("A casino").status_code == 202
    publisher.body = b""
    failed = run("refresh", "paper")
    assert failed.exit_code == 1 and "not a signed list" in failed.output
    undone = run("undo", "paper", str(made["id"]), "--judge-again").output
    assert "1 comments judged again, 0 still held" in undone
    assert the_comment(db_session, "A casino").status == Status.APPROVED
    assert "No subscription 99" in run("undo", "paper", "99").output
