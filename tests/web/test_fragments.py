"""A page with cached fragments equals the page rendered without them, whatever has changed in between."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jinja2 import ChoiceLoader, DictLoader
from sqlalchemy.orm import Session

from app.comments import person, person_erasure
from app.comments.reading import Listed
from app.lib.lru import Cache
from app.models import Comment, Site, Status
from app.web.fragments import MAX_BYTES, Key
from tests.cast import PAGE, Reader, a_site, move, the_comment

Change = Callable[[Session, Site, Comment, Comment], object]


def _moves(status: Status) -> Change:
    return lambda session, _site, asked, _answered: move(session, asked, status)


def _sets(**settings: object) -> Change:
    return lambda _session, site, *_: site.change(settings)


def _is_edited(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).html = "<p>Otherwise</p>"
    session.get_one(Comment, asked.id).edited_at = asked.created_at


def _is_erased(session: Session, site: Site, _asked: Comment, _answered: Comment) -> None:
    for _ in person_erasure.erase(person.find(Reader.email, site), person_erasure.Receipt(), remove_text=False):
        session.commit()


def _closes(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).thread.state = "closed"


def _moves_away(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).thread.url = PAGE + "/moved"


CHANGES: list[Change] = [
    _sets(timezone="America/New_York"),
    _sets(name_required=False, name="Another"),
    _is_edited,
    _moves(Status.SPAM),
    _moves(Status.APPROVED),
    _is_erased,
    _moves_away,
    _closes,
]
ASKED: list[dict[str, str]] = [{}, {"lang": "ja"}, {"sort": "newest"}]


def test_a_page_from_the_cache_equals_a_page_without_it(app: Flask, client: FlaskClient, db_session: Session) -> None:
    site, (asked, answered) = a_site(db_session), _talk(client, db_session)
    seen = {page: client.get("/thread", query_string=_query(page)).text for page in range(len(ASKED))}
    for change in CHANGES:
        change(db_session, db_session.get_one(Site, site.id), asked, answered)
        db_session.commit()
        asked = db_session.get_one(Comment, asked.id)
        for page in range(len(ASKED)):
            kept = client.get("/thread", query_string=_query(page)).text
            assert kept == _without_cache(app, client, page)
            assert kept != seen[page], "the change must be visible"
            seen[page] = kept


def test_a_comment_is_rendered_once(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    _talk(client, db_session)
    Reader(client).get_thread()
    before = _cached_comments(app)
    Reader(client).get_thread()
    assert _cached_comments(app) == before == 2
    Reader(client).post("One more")
    Reader(client).get_thread()
    assert _cached_comments(app) == before + 1


def test_the_view_of_an_author_is_not_cached(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    browser = {"Sec-Fetch-Mode": "navigate"}
    assert Reader(client).post("Mine to amend", headers=browser).status_code == 303
    own = client.get("/thread", query_string={**_query(0), "own": "1"}).text
    assert 'class="edit"' in own
    assert 'class="edit"' not in client.get("/thread", query_string=_query(0)).text
    cache: Cache[Key, str] = app.extensions["fragments"]
    kept = [entry.value for entry in cache.entries.values()]
    assert kept and not [html for html in kept if 'class="edit"' in html]


def test_a_property_that_a_comment_lacks_fails_instead_of_showing_a_blank(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    a_site(db_session)
    _talk(client, db_session)
    loader: Any = app.jinja_env.loader
    for name in ("{{ comment.nickname }}", "{{ nickname }}", "{% if nickname %}x{% endif %}"):
        source = loader.get_source(app.jinja_env, "thread/_comment.html")[0] + name
        app.jinja_env.loader = ChoiceLoader([DictLoader({"thread/_comment.html": source}), loader])
        app.jinja_env.cache.clear()  # type: ignore[union-attr]
        app.extensions["fragments"] = Cache(MAX_BYTES)
        assert client.get("/thread", query_string=_query(0)).status_code == 500


def test_equal_comments_of_two_articles_link_to_their_own(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    for name in ("one", "two"):
        Reader(client).post("The same words", url=f"{PAGE}/{name}", title=name)
    for name, other in (("one", "two"), ("two", "one")):
        text = client.get("/thread", query_string=_query(0) | {"url": f"{PAGE}/{name}"}).text
        assert "The same words" in text and f"{PAGE}/{name}" in text and f"{PAGE}/{other}" not in text


def _talk(client: FlaskClient, db_session: Session) -> tuple[Comment, Comment]:
    Reader(client).post("Who was there?")
    asked = the_comment(db_session, "Who was there?")
    Reader(client, name="Taro", email="taro@readers.example").post("I was.", parent=asked.id)
    return asked, the_comment(db_session, "I was.")


def _cached_comments(app: Flask) -> int:
    cache: Cache[Key, str] = app.extensions["fragments"]
    return sum(isinstance(key[0], Listed) for key in cache.entries)


def _query(page: int) -> dict[str, str]:
    return {"site": "paper", "url": PAGE} | ASKED[page]


def _without_cache(app: Flask, client: FlaskClient, page: int) -> str:
    kept, app.extensions["fragments"] = app.extensions["fragments"], Cache(MAX_BYTES)
    text = client.get("/thread", query_string=_query(page)).text
    app.extensions["fragments"] = kept
    return text


def test_a_form_with_input_is_html_on_every_page(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    reader = Reader(client)
    reader.post("public")
    parent = the_comment(db_session, "public").id
    query = {"site": "paper", "url": PAGE, "parent": parent}
    wrong = reader.post("Typed", email="wrong", headers={"Sec-Fetch-Mode": "navigate"})
    answers = [wrong, client.get("/thread", query_string=query), client.get("/embed/thread", query_string=query)]
    for answer in answers:
        assert '<form id="respond"' in answer.text and "&lt;form" not in answer.text
    assert wrong.status_code == 422 and "Typed</textarea>" in wrong.text
