"""A comment sent too fast is held, never refused; timing needs no cookies."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.abuse import timing
from app.comments import admission
from app.lib import clock
from app.models import RateLimit, Site
from app.models.site import WIDE_TIMES
from tests.cast import ORIGIN, Reader, a_site, the_comment

PAGE_SAYS = {"Origin": ORIGIN}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, min_seconds=2)


def stamp_in(html: str) -> str:
    found = re.search(r'name="stamp" value="([^"]+)"', html)
    assert found, html
    return found[1]


def made(app: Flask, monkeypatch: pytest.MonkeyPatch, site: str = "paper", **ago: float) -> str:
    """A stamp of a reader who began to type this long ago."""
    with app.app_context(), monkeypatch.context() as past:
        past.setattr(timing, "now", lambda: clock.now() - timedelta(**ago))
        return timing.stamp_of_now(site)


def test_the_form_of_a_page_is_enough(client: FlaskClient, paper: Site) -> None:
    hanako = Reader(client)
    for page in (
        hanako.get_thread().text,
        client.get("/thread", query_string={"site": "paper", "url": hanako.url}).text,
    ):
        answer = hanako.post(f"by hand {len(page)}", stamp=stamp_in(page), headers=PAGE_SAYS)
        assert answer.status_code == 201


def test_all_readers_of_an_hour_get_the_same_page(client: FlaskClient, app: Flask, paper: Site) -> None:
    first, second = Reader(client).get_thread(), Reader(app.test_client()).get_thread()
    assert first.data == second.data and "Set-Cookie" not in first.headers


def test_too_fast_comments_are_held(
    app: Flask, client: FlaskClient, paper: Site, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanako = Reader(client)
    at_once = client.get("/embed/stamp", query_string={"site": "paper"})
    assert at_once.headers["Cache-Control"] == "no-store" and "Set-Cookie" not in at_once.headers
    assert hanako.post("too fast", stamp=stamp_in(at_once.text)).status_code == 202
    assert the_comment(db_session, "too fast").reasons == [{"check": "timing", "verdict": "hold", "trouble": "fast"}]
    assert hanako.post("quick, but known", stamp=stamp_in(at_once.text)).status_code == 201
    hanako.author = ""
    assert hanako.post("in her time", stamp=made(app, monkeypatch, seconds=3)).status_code == 201
    paper.min_seconds, hanako.author = 0, ""
    db_session.commit()
    assert hanako.post("fast again", stamp=stamp_in(at_once.text)).status_code == 201


def test_odd_stamps_hold_and_refuse_nothing(
    app: Flask, client: FlaskClient, paper: Site, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = made(app, monkeypatch, seconds=30)
    odd = [
        made(app, monkeypatch, days=3),
        made(app, monkeypatch, seconds=-300),
        made(app, monkeypatch, seconds=30, site="other"),
        good.replace("typing", "drawn"),
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        "typing.99999999999999999999.x", "typing.-1.x", "typing.١٢٣.x", "..", "\0", "あ", "x" * 5000,
    ]  # fmt: skip
    for number, stamp in enumerate(odd):
        assert Reader(client).post(f"odd {number}", stamp=stamp).status_code == 202, stamp
        assert the_comment(db_session, f"odd {number}").reasons[0]["trouble"] == "odd"
    assert Reader(client).post("good", stamp=good).status_code == 201


def test_posts_without_our_form_are_held_for_every_client(
    client: FlaskClient, paper: Site, db_session: Session
) -> None:
    """A program without an Origin header gets no exemption; the API accepts a stamp too."""
    assert Reader(client).post("from a page", headers=PAGE_SAYS).status_code == 202
    assert Reader(client).post("from a program").status_code == 202
    given = Reader(client).fields(body="by the API")
    assert client.post("/api/v1/comments", json=given).status_code == 202
    for body in ("from a page", "from a program", "by the API"):
        assert the_comment(db_session, body).reasons[0]["trouble"] == "missing"
    stamped = given | {"body": "with a stamp", "stamp": stamp_in(Reader(client).get_thread().text)}
    assert client.post("/api/v1/comments", json=stamped).status_code == 201


def test_one_stamp_serves_a_handful_of_posts_from_one_network(
    app: Flask, client: FlaskClient, paper: Site, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = made(app, monkeypatch, seconds=30)

    def post(number: int, stamp: str, peer: str) -> int:
        reader = Reader(client, f"R {number}", f"{number}@readers.example", peer=peer)
        return reader.post(f"post {number}", stamp=stamp).status_code

    statuses = [post(number, stamp, f"192.0.2.{number}") for number in range(9)]
    assert statuses == [201] * (admission.POSTS_OF_A_STAMP + 1) + [202] * 3
    assert the_comment(db_session, "post 8").reasons[0]["trouble"] == "worn"
    assert post(10, made(app, monkeypatch, seconds=31), "192.0.2.77") == 201, "a neighbour's own stamp"
    assert post(11, stamp, "198.51.100.1") == 201, "another network, on a page that is the same for all"


def test_a_stamp_is_the_same_under_each_key(
    app: Flask, client: FlaskClient, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stamp may be signed with the tag of its key or without, and with an earlier key."""
    stamp = made(app, monkeypatch, seconds=30)
    kind, moment, _tag, digest = stamp.split(".")
    spellings = [stamp] * (admission.POSTS_OF_A_STAMP + 1) + [f"{kind}.{moment}.{digest}", stamp]
    statuses = [
        Reader(client, f"R {n}", f"{n}@readers.example").post(f"post {n}", stamp=each).status_code
        for n, each in enumerate(spellings)
    ]
    assert statuses == [201] * (admission.POSTS_OF_A_STAMP + 1) + [202] * 2


def test_a_stamp_serves_a_few_networks_of_one_ipv6_network_of_a_customer(
    app: Flask, client: FlaskClient, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = made(app, monkeypatch, seconds=30)
    most = admission.POSTS_OF_A_STAMP * WIDE_TIMES
    peers = [f"2001:db8:7:{number:x}00::1" for number in range(most + 4)]
    statuses = [
        Reader(client, f"R {n}", f"{n}@readers.example", peer=peer).post(f"post {n}", stamp=stamp).status_code
        for n, peer in enumerate(peers)
    ]
    assert statuses == [201] * (most + 1) + [202] * 3


def test_ordinary_comments_count_no_stamps(
    app: Flask, client: FlaskClient, paper: Site, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reader(client).post("by hand", stamp=made(app, monkeypatch, seconds=30))
    assert db_session.query(RateLimit).count() == 0


def test_a_mistake_does_not_start_the_clock_again(
    app: Flask, client: FlaskClient, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = made(app, monkeypatch, seconds=30)
    again = Reader(client).post("", stamp=stamp)
    assert again.status_code == 422 and stamp_in(again.text) == stamp
    assert stamp_in(Reader(client).post("", stamp="odd").text).startswith("drawn.")
