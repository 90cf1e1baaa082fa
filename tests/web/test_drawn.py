"""A cached rendering equals a fresh rendering, whatever has changed in between."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask, render_template, request, template_rendered
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from app.comments import person, person_erasure, reading
from app.forms.where import where
from app.lib.language import languages, speak
from app.lib.lru import Cache
from app.models import Comment, Site, Status
from app.web import drawn, filled, thread
from app.web.stencil import ROOM, Key, hole
from tests.cast import PAGE, Reader, a_site, move, the_comment

Change = Callable[[Session, Site, Comment, Comment], object]


def _moves(status: Status) -> Change:
    return lambda session, _site, asked, _answered: move(session, asked, status)


def _sets(**settings: object) -> Change:
    return lambda _session, site, *_: site.change(settings)


def _is_resubmitted(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).html = "<p>Otherwise</p>"
    session.get_one(Comment, asked.id).edited_at = asked.created_at


def _is_erased(session: Session, site: Site, _asked: Comment, _answered: Comment) -> None:
    for _ in person_erasure.erase(person.find(Reader.email, site), person_erasure.Receipt(), remove_text=False):
        session.commit()


def _closes(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).thread.open = False


def _moves_away(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).thread.url = PAGE + "/moved"


CHANGES: list[Change] = [
    _sets(timezone="America/New_York"),
    _sets(name_required=False, name="Another"),
    _is_resubmitted,
    _moves(Status.SPAM),
    _moves(Status.APPROVED),
    _is_erased,
    _moves_away,
    _closes,
]
ASKED: list[dict[str, str]] = [{}, {"lang": "ja"}, {"sort": "newest"}]


def test_a_cached_page_equals_a_fresh_page(app: Flask, client: FlaskClient, db_session: Session) -> None:
    site, (asked, answered) = a_site(db_session), _talk(client, db_session)
    seen = {page: client.get("/thread", query_string=_query(page)).text for page in range(len(ASKED))}
    for change in CHANGES:
        change(db_session, db_session.get_one(Site, site.id), asked, answered)
        db_session.commit()
        asked = db_session.get_one(Comment, asked.id)
        for page in range(len(ASKED)):
            kept = client.get("/thread", query_string=_query(page)).text
            assert kept == _fresh(app, client, page)
            assert kept != seen[page], "the change was to be seen"
            seen[page] = kept


def test_a_comment_is_rendered_once(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    _talk(client, db_session)
    Reader(client).get_thread()
    before = _comments_kept(app)
    Reader(client).get_thread()
    assert _comments_kept(app) == before == 2
    Reader(client).post("One more")
    Reader(client).get_thread()
    assert _comments_kept(app) == before + 1


def test_pages_alike_are_rendered_once(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    for page in range(2):
        Reader(client).post(f"On page {page}", url=f"{PAGE}/{page}")
    rendered: list[str] = []
    with template_rendered.connected_to(lambda _app, template, **_: rendered.append(template.name), app):
        for page in range(2):
            text = client.get("/thread", query_string=_query(0) | {"url": f"{PAGE}/{page}"}).text
            assert f"On page {page}" in text and f"{PAGE}/{page}" in text and f"{PAGE}/{1 - page}" not in text
    assert rendered == ["thread/page.html", "thread/_comment.html"]


WORDS = st.text(min_size=1, max_size=8) | st.sampled_from(
    [
        "<b>&\"'</b>",
        "%(name)s",
        "100 %",
        "{{ name }}",
        "%%",
        hole("name"),
        str(drawn.PLACE),
        "\N{RIGHT-TO-LEFT OVERRIDE}x",
    ]
)
NUMBERS = st.integers(1, 2**62)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - has one
OWN = st.builds(
    reading.AuthorView,
    status=st.sampled_from([Status.APPROVED.value, Status.PENDING.value, Status.DELETED.value]),
    editable_until=st.none() | MOMENTS,
    token=WORDS,
    body=WORDS,
)
SHOWN = st.builds(
    reading.Shown,
    id=NUMBERS,
    name=WORDS,
    website=st.just("") | WORDS,
    html=st.none() | WORDS.map(escape) | st.sampled_from([Markup("<p>5 %</p>"), Markup("<p>long</p>") * 700]),
    created_at=MOMENTS,
    edited_at=st.none() | MOMENTS,
    depth=st.integers(0, 20),
    parent_id=st.none() | NUMBERS,
    parent_name=st.none() | WORDS,
    avatar=st.just(Markup("<svg></svg>")),
    permalink=WORDS,
    badge=st.none() | WORDS,
    own=st.none() | OWN,
    more=st.none() | WORDS,
    anchor=st.none() | NUMBERS,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(comment=SHOWN, here=WORDS, lang=st.sampled_from(languages()), is_open=st.booleans())
def test_cached_fragments_equal_rendered_ones(
    app: Flask, comment: reading.Shown, here: str, lang: str, is_open: bool
) -> None:
    page = reading.ThreadPage([], None, 1, None, is_open, "oldest")
    with app.test_request_context():
        speak(lang, lang)
        say = {name: f"{name} & %(name)s" for name in ("reply", "reply_to", "in_reply", "report", "report_by")}
        asked = {"site": "paper", "url": here, "title": "", "lang": lang}
        around = {"here": here, "say": say, "reports": "/reports/", "action": "/comments", "where": asked}
        rendered = render_template("thread/_comment.html", **around, page=page, comment=comment)
        for _ in range(2):
            assert filled.comment(comment, around, is_open=is_open).decode() == rendered


@pytest.mark.parametrize("title", ["Plain", "100 % <b>\"&'", "%(title)s", drawn.PLACE + hole("url")])
@pytest.mark.parametrize("more", [{}, {"after": "1"}, {"sort": "newest"}, {"lang": "ja"}, {"thread": "own & <id>"}])
def test_a_page_for_all_is_the_page_of_one(
    app: Flask, client: FlaskClient, db_session: Session, title: str, more: dict[str, str]
) -> None:
    a_site(db_session, page_size=1)
    talk = {"url": f"{PAGE}?a=<b>&c='%d'", "title": title} | more
    for body in ("First", "Second", "Third"):
        Reader(client).post(body, **talk)
    with app.test_request_context("/thread", query_string={"site": "paper"} | talk):
        here = where(request.args)
        page, given = thread.read(here), thread.context(here)
        one = drawn.one_page("thread/page.html", page, given)
        for _ in range(2):
            assert drawn.page_for_all("thread/page.html", page, given) == one
    assert b"<article" in one


def test_responses_for_the_author_are_not_cached(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    browser = {"Sec-Fetch-Mode": "navigate"}
    assert Reader(client).post("Mine to amend", headers=browser).status_code == 303
    own = client.get("/thread", query_string={**_query(0), "own": "1"}).text
    assert 'class="edit"' in own
    assert 'class="edit"' not in client.get("/thread", query_string=_query(0)).text
    cache: Cache[Key, Any] = app.extensions["drawn"]
    parts = [entry.thing for entry in cache.entries.values()]
    kept = [part if isinstance(part, bytes) else part.encode() for part in parts]
    assert kept and not [part for part in kept if b'class="edit"' in part]


def test_no_text_can_imitate_a_placeholder(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    Reader(client, name=drawn.PLACE).post(f"Once {drawn.PLACE} more", title=drawn.PLACE)
    page = client.get("/thread", query_string=_query(0)).text
    assert page.count("<article") == 1 and page.index("<main") < page.index("<article") and "<!--" not in page


def _talk(client: FlaskClient, db_session: Session) -> tuple[Comment, Comment]:
    Reader(client).post("Who was there?")
    asked = the_comment(db_session, "Who was there?")
    Reader(client, name="Taro", email="taro@readers.example").post("I was.", parent=asked.id)
    return asked, the_comment(db_session, "I was.")


def _comments_kept(app: Flask) -> int:
    cache: Cache[Key, Any] = app.extensions["drawn"]
    return sum(isinstance(entry.thing, bytes) for entry in cache.entries.values())


def _query(page: int) -> dict[str, str]:
    return {"site": "paper", "url": PAGE} | ASKED[page]


def _fresh(app: Flask, client: FlaskClient, page: int) -> str:
    kept, app.extensions["drawn"] = app.extensions["drawn"], Cache(ROOM)
    text = client.get("/thread", query_string=_query(page)).text
    app.extensions["drawn"] = kept
    return text
