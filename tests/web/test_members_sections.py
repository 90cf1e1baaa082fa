"""Pages for members only, by the section of a page: programs choose freely which section and address they send."""

import hashlib
import hmac
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.desk import settings
from app.models import AuditEvent, Comment, Role, Site, Thread
from app.models.audit import Who
from app.models.section import SectionBy
from app.transfer import moves
from tests.cast import ORIGIN, PAGE, Program, Reader, a_moderator, a_site, a_token
from tests.signed_members import Publisher, logged_in
from tests.web.test_queue import ENGLISH, at_the_desk

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
KEY = "a key that the publisher's system has"
CLUB = {"key": "club", "name": "Club", "paths": [], "state": "open", "hold": None, "commenters": "members"}
NEWS = CLUB | {"key": "news", "name": "News", "paths": ["/news"], "commenters": ""}
LAX = CLUB | {"key": "lax", "name": "Lax", "commenters": "everyone"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en", state_key=KEY, sections=[CLUB, NEWS, LAX])


def signed(section: str, page: str = PAGE, site: str = "paper", key: str = KEY) -> str:
    """As docs/embedding.md says."""
    message = f"{site}\n{page}\nsection\n{section}".encode()
    return f"{section} {hmac.digest(key.encode(), message, hashlib.sha256).hex()}"


def statuses(client: FlaskClient, *posts: dict[str, Any]) -> list[int]:
    return [Reader(client).post(f"post {number}", **each).status_code for number, each in enumerate(posts)]


@ONE_DATABASE
def test_a_program_that_names_no_section_or_another_one_posts_nothing_for_members(
    client: FlaskClient, db_session: Session, paper: Site
) -> None:
    attempts: list[dict[str, Any]] = [
        {}, {"section": ""}, {"section": "lax"}, {"section": "news"}, {"section": "nothing"}, {"section": "club"},
        {"section": "LAX"}, {"section": "club lax"}, {"section": "lax " + "0" * 64}, {"section": "x" * 9_000},
        {"section": signed("lax", f"{PAGE}?page=2")}, {"section": signed("lax", site="other")},
        {"section": signed("lax", key="")}, {"section": signed("lax", key="another")},
        {"section": signed("lax").upper()}, {"section": f"{signed('lax')} "}, {"section": f"news {signed('lax')[4:]}"},
        *({"url": url} for url in (
            f"{PAGE}/", f"{PAGE}#x", PAGE.upper().replace("HTTPS://PAPER.EXAMPLE", ORIGIN),
            f"{ORIGIN}/news/../story", f"{ORIGIN}/%6Eewsroom", f"{ORIGIN}/News/1", f"{ORIGIN}/newsletter",
        )),
        {"thread": "7"}, {"thread": "7", "url": f"{ORIGIN}/news/1"}, {"thread": "7", "section": signed("lax")},
        {"thread": "7", "section": "lax", "url": f"{ORIGIN}/news/1"},
    ]  # fmt: skip
    assert [each for each, status in zip(attempts, statuses(client, *attempts), strict=True) if status != 403] == []
    api = {"site": "paper", "url": PAGE, "body": "by the API", "name": "Hanako", "email": "hanako@readers.example"}
    for more in ({}, {"section": "lax"}, {"thread": "7"}):
        answer = client.post("/api/v1/comments", json=api | more)
        assert (answer.status_code, answer.json["code"]) == (403, "members_only"), more
    assert db_session.query(Comment).count() == db_session.query(Thread).count() == 0
    db_session.commit()
    assert statuses(client, {"url": f"{ORIGIN}/news/1"}) == [201], "a path that tells the section"
    shown = client.get("/thread", query_string={"site": "paper", "url": PAGE, "lang": "en"})
    page = BeautifulSoup(shown.text, "html5lib")
    assert not page.select("form.respond") and "Only members can comment here." in page.find(id="respond").text


def test_a_signed_section_is_known_before_the_first_comment(
    client: FlaskClient, db_session: Session, paper: Site
) -> None:
    publisher = Publisher(db_session, paper)
    shown = Reader(client).get_thread(section=signed("lax")).text
    assert f'name="section" value="{signed("lax")}"' in shown and f'name="url" value="{PAGE}"' in shown
    assert "Only members" in Reader(client).get_thread(section=signed("club")).text
    member = logged_in(client, publisher)
    assert member.post("claims", section="lax").status_code == 201
    assert statuses(client, {}, {"section": "lax"}) == [403, 403], "a member opens no page for others"
    assert statuses(client, {"section": signed("lax")}, {}) == [201, 201]
    db_session.expire_all()
    found = db_session.query(Thread).one()
    assert (found.section, found.section_by) == ("lax", SectionBy.HAND)
    db_session.commit()
    assert statuses(client, {"section": signed("club")}) == [201], "an old page changes nothing"
    own = {"thread": "7", "section": signed("lax", "7")}
    assert statuses(client, own, {"thread": "7"}) == [201, 201]
    elsewhere = f"{ORIGIN}/news/2"
    assert statuses(client, {"url": elsewhere, "section": signed("club", elsewhere)}) == [403], "also below a path"


@ONE_DATABASE
def test_the_attribute_of_a_section_with_paths_is_stricter_and_opens_no_other_page(
    client: FlaskClient, db_session: Session, paper: Site
) -> None:
    paper.change({"sections": [CLUB | {"paths": ["/club"]}, LAX]})
    db_session.commit()
    inside, outside = f"{ORIGIN}/club/1", f"{ORIGIN}/story"
    spellings = [f"{ORIGIN}/club/1/", f"{ORIGIN}/./club//1", f"{ORIGIN}/%63lub/1", f"{ORIGIN}/x/../club/1?utm_source=a"]
    assert statuses(client, *({"url": url} for url in (inside, *spellings))) == [403] * 5
    assert statuses(client, {"url": inside, "section": "lax"}, {"url": outside, "section": "club"}) == [403, 403]
    assert statuses(client, {"url": outside}, {"url": outside, "section": "lax"}) == [201, 201]
    assert statuses(client, {"thread": "8", "url": outside}) == [403], "no path tells the section of an own id"
    db_session.query(Thread).one().let_comment("everyone")
    db_session.commit()
    assert statuses(client, {"url": outside, "section": "club"}) == [201], "the article counts before the section"


def test_an_article_that_is_older_than_its_origin_is_in_the_section_of_its_path(
    client: FlaskClient, db_session: Session, paper: Site
) -> None:
    paper.change({"sections": [CLUB | {"paths": ["/club"]}, NEWS | {"paths": ["/news"], "state": "closed"}]})
    older = "https://old.example"
    keys = [f"{older}/club/1", f"{older}/news/1", f"{older}/story"]
    db_session.add_all(Thread(site=paper, key=each) for each in keys)
    db_session.commit()
    settings.change(paper, {"origins": [ORIGIN, older]}, by=Who.OPERATOR)
    db_session.commit()
    posts: list[dict[str, Any]] = [{"url": each, "headers": {"Origin": older}} for each in keys]
    assert statuses(client, *posts) == [403, 403, 201]
    assert [each.section for each in db_session.query(Thread).order_by(Thread.id)] == ["club", "news", ""]
    db_session.rollback()


@ONE_DATABASE
def test_an_earlier_address_of_an_article_shows_what_a_post_would_be_told(
    client: FlaskClient, db_session: Session, paper: Site
) -> None:
    before = f"{ORIGIN}/news/1"
    assert statuses(client, {"url": before}) == [201]
    moves.remap(paper, [(before, "id:7")])
    db_session.commit()
    assert Reader(client).post("another", url=before).status_code == 403, "no path tells the section of an own id"
    assert "Only members" in Reader(client).get_thread(url=before).text


@ONE_DATABASE
def test_who_changed_the_commenters_of_an_article_is_in_the_log(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    statuses(client, {"url": f"{ORIGIN}/news/1"})
    thread = db_session.query(Thread).one()
    program = Program(app.test_client(), a_token(db_session, paper))
    for commenters in ("members", "members", ""):
        assert program.post(f"/threads/{thread.id}", {"commenters": commenters}).json["commenters"] == commenters
    assert program.post(f"/threads/{thread.id}", {"title": "A title"}).status_code == 200
    a_moderator(db_session, paper, role=Role.OWNER)
    changed = db_session.query(AuditEvent).filter_by(event="settings_changed").order_by(AuditEvent.id).all()
    said = [(each.actor_name, each.said["changes"], each.said["article"]) for each in changed]
    key = f"{ORIGIN}/news/1"
    assert said == [
        ("CMS", {"commenters": ["", "members"]}, key), ("CMS", {"commenters": ["members", ""]}, key),
    ]  # fmt: skip
    db_session.commit()
    log = at_the_desk(app).get("/moderate/log/audit", headers=ENGLISH)
    assert log.status_code == 200 and "Who can comment" in log.text and key in log.text
