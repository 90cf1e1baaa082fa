"""Anonymous requests that cost work are limited for each network; other networks are served."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import TimeoutError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.abuse import limits
from app.lib import metrics
from app.models import RateLimit, Revision, Site, Status
from app.models.site import WIDE_TIMES
from tests.cast import ORIGIN, PAGE, Reader, a_moderator, a_site, move, the_comment

MOST = 2
NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, flood_per_address=MOST, flood_per_site=100_000)


@pytest.fixture
def hanako(client: FlaskClient, paper: Site, db_session: Session) -> Reader:
    reader = Reader(client, peer="192.0.2.1")
    reader.post("hers")
    return reader


Ask = Callable[[str], TestResponse]


@pytest.fixture(params=["preview", "edit", "withdraw", "proof", "own", "stamp", "report", "invalid", "again"])
def purpose(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ask(purpose: str, hanako: Reader, db_session: Session) -> Ask:
    """Send one request for this purpose from an address."""
    id = the_comment(db_session, "hers").id
    fields = hanako.fields(token=hanako.token)

    def send(peer: str, headers: dict[str, str] | None = None, **more: str) -> TestResponse:
        given = {"environ_base": {"REMOTE_ADDR": peer}, "headers": headers or {}}
        if purpose == "stamp":
            return hanako.client.get("/embed/stamp?site=paper", **given)
        path, data = {
            "preview": ("/embed/preview", {"body": "look"}),
            "edit": (f"/embed/comments/{id}/edit", {"body": "hers, edited"}),
            "withdraw": (f"/embed/comments/{id}/withdraw", {"token": "wrong"}),
            "proof": (f"/embed/comments/{id}/proof", {"altcha": "wrong"}),
            "own": ("/embed/own", {}),
            "report": (f"/embed/report/{id}", {"reason": "spam", "note": "look at this"}),
            "invalid": ("/embed/comments", {"body": "", "name": "Typed before"}),
            "again": ("/embed/comments", {"body": "hers"}),
        }[purpose]
        return hanako.client.post(path, data=fields | data | more, **given)

    return send


def times(purpose: str) -> int:
    return MOST * limits.TIMES["post" if purpose in ("invalid", "again") else purpose]


def test_a_network_that_asks_too_often_is_refused_and_another_is_served(ask: Ask, purpose: str) -> None:
    # Posts that store nothing are counted for each client.
    alone = purpose in ("again", "invalid")
    network = [f"192.0.2.{1 if alone else 1 + number % 200}" for number in range(times(purpose) + 1)]
    answers = [ask(peer) for peer in network]
    assert 429 not in [answer.status_code for answer in answers[:-1]]
    assert answers[-1].status_code == 429, "the whole network is counted"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert re.search(r"\d+ 秒", answers[-1].text), "it says when"
    if purpose != "again":
        assert ask("198.51.100.1").status_code != 429


def test_addresses_of_one_ipv6_network_share_a_limit(ask: Ask, purpose: str) -> None:
    if purpose in ("again", "invalid"):
        pytest.skip("counted for each client")
    for number in range(times(purpose)):
        assert ask(f"2001:db8:7:{number:x}::1").status_code != 429
    assert ask("2001:db8:7:ff::1").status_code == 429, "one /56"
    tried = [ask(f"2001:db8:7:{number:x}00::1").status_code for number in range(1, times(purpose) * WIDE_TIMES + 1)]
    assert 429 in tried, "one /48"


def test_the_widget_shows_the_refusal_and_keeps_the_input(ask: Ask, purpose: str) -> None:
    for _ in range(times(purpose)):
        ask("192.0.2.1")
    answer = ask("192.0.2.1", {"Origin": ORIGIN})  # type: ignore[call-arg]
    assert answer.status_code == 429
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    typed = {"preview": "look", "edit": "hers, edited", "report": "look at this", "invalid": "Typed before"}
    assert typed.get(purpose, "") in answer.text


def test_without_a_script_the_input_is_kept_too(hanako: Reader, db_session: Session, client: FlaskClient) -> None:
    id = the_comment(db_session, "hers").id
    fields = hanako.fields(token=hanako.token, body="typed for long")
    for path in (f"/embed/comments/{id}/edit", "/embed/preview"):
        answers = [client.post(path, data=fields, headers=NAVIGATES) for _ in range(MOST * 2 + 1)]
        assert answers[-1].status_code == 429
        assert "typed for long" in answers[-1].text and "<html" in answers[-1].text


def test_mistakes_of_one_client_do_not_refuse_its_neighbours_and_a_hopping_one_ends(
    client: FlaskClient, hanako: Reader
) -> None:
    def mistake(number: int) -> int:
        return Reader(client, peer=f"2001:db8:7:{number:x}::1").post("").status_code

    assert [mistake(1) for _ in range(MOST * 2 + 1)][-1] == 429
    assert Reader(client, "Taro", "t@readers.example", peer="2001:db8:7:2::1").post("a neighbour").status_code == 201
    assert 429 in [mistake(number) for number in range(3, MOST * 2 * limits.NEIGHBOURS)]


def test_a_site_that_counts_no_networks_counts_none_here(
    ask: Ask, purpose: str, paper: Site, db_session: Session
) -> None:
    paper.flood_per_address = 0
    db_session.commit()
    assert 429 not in [ask("192.0.2.1").status_code for _ in range(times(purpose) + 3)]
    # The edits of one comment are bounded everywhere.
    assert db_session.query(RateLimit).count() == (purpose == "edit")


def test_reading_is_not_counted(client: FlaskClient, hanako: Reader, db_session: Session) -> None:
    assert {hanako.get_thread().status_code for _ in range(MOST * 8)} == {200}
    assert {client.get("/thread", query_string={"site": "paper", "url": PAGE}).status_code for _ in range(9)} == {200}
    assert db_session.query(RateLimit).count() == 0


def test_a_comment_that_is_taken_writes_no_count(hanako: Reader, db_session: Session) -> None:
    hanako.post("another")
    assert db_session.query(RateLimit).count() == 0


def test_a_database_that_cannot_count_serves(
    app: Flask, hanako: Reader, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, app.config["METRICS_TOKEN"] = metrics.UNCOUNTED._value.get(), "token"

    def busy(*_: object) -> int:
        raise TimeoutError

    monkeypatch.setattr(RateLimit, "take", busy)
    assert client.post("/embed/preview", data=hanako.fields(body="look")).status_code == 200
    assert client.get("/embed/stamp?site=paper").status_code == 200
    number = metrics.UNCOUNTED._value.get() - before
    assert number >= 2, "each is counted where the monitor sees it"
    figures = client.get("/metrics", headers={"Authorization": "Bearer token"}).text
    assert "# TYPE kaiwa_uncounted_requests_total counter" in figures
    assert f"kaiwa_uncounted_requests_total {before + number}\n" in figures


# Edits


@pytest.fixture
def edits(client: FlaskClient, db_session: Session) -> Callable[[str], TestResponse]:
    a_site(db_session)
    hanako = Reader(client)
    hanako.post("text 0")
    id = the_comment(db_session, "text 0").id
    return lambda body: client.post(f"/embed/comments/{id}/edit", data=hanako.fields(token=hanako.token, body=body))


def kept(db_session: Session) -> list[str]:
    db_session.expire_all()
    bodies = [row.body for row in db_session.query(Revision).order_by(Revision.id)]
    db_session.commit()
    return bodies


def test_a_comment_is_edited_ten_times_and_its_first_and_last_earlier_texts_are_kept(
    edits: Callable[[str], TestResponse], db_session: Session
) -> None:
    assert [edits(f"text {number}").status_code for number in range(1, 11)] == [200] * 10
    assert kept(db_session) == ["text 0", "text 9"]
    refused = edits("text 11")
    assert refused.status_code == 429 and "text 11" in refused.text, "the input is kept"
    assert the_comment(db_session, "text 10").status == Status.APPROVED


def test_reported_and_moderated_comments_are_kept_as_well(
    app: Flask, edits: Callable[[str], TestResponse], db_session: Session
) -> None:
    alice = a_moderator(db_session, db_session.query(Site).one())
    edits("text 1"), edits("text 2")
    move(db_session, the_comment(db_session, "text 2"), Status.APPROVED, by=alice)
    edits("text 3"), edits("text 4")
    id = the_comment(db_session, "text 4").id
    reported = app.test_client().post(f"/embed/report/{id}", data={"reason": "spam"})
    assert reported.status_code == 200
    for number in range(5, 8):
        edits(f"text {number}")
    assert kept(db_session) == ["text 0", "text 2", "text 4", "text 6"]
