"""What was drawn before is what would be drawn now, whatever has changed meanwhile."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.comments import person
from app.lib.cache import Cache
from app.models import Comment, Site, Status
from app.web import drawn
from tests.cast import PAGE, Reader, a_site, move, the_comment

Change = Callable[[Session, Site, Comment, Comment], object]


def _moves(status: Status) -> Change:
    return lambda session, _site, asked, _answered: move(session, asked, status)


def _sets(**settings: object) -> Change:
    return lambda _session, site, *_: site.change(settings)


def _is_said_anew(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).html = "<p>Otherwise</p>"
    session.get_one(Comment, asked.id).edited_at = asked.created_at


def _is_erased(session: Session, site: Site, _asked: Comment, _answered: Comment) -> None:
    for _ in person.forget(person.find(Reader.email, site), person.Receipt(), remove_text=False):
        session.commit()


def _closes(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).thread.open = False


def _moves_away(session: Session, _site: Site, asked: Comment, _answered: Comment) -> None:
    session.get_one(Comment, asked.id).thread.url = PAGE + "/moved"


CHANGES: list[Change] = [
    _sets(timezone="America/New_York"),
    _sets(name_required=False, name="Another"),
    _is_said_anew,
    _moves(Status.SPAM),
    _moves(Status.APPROVED),
    _is_erased,
    _moves_away,
    _closes,
]
ASKED: list[dict[str, str]] = [{}, {"lang": "ja"}, {"sort": "newest"}]


def test_a_page_drawn_from_what_is_kept_is_the_page_drawn_anew(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    site, (asked, answered) = a_site(db_session), _talk(client, db_session)
    seen = {page: client.get("/thread", query_string=_query(page)).text for page in range(len(ASKED))}
    for change in CHANGES:
        change(db_session, db_session.get_one(Site, site.id), asked, answered)
        db_session.commit()
        asked = db_session.get_one(Comment, asked.id)
        for page in range(len(ASKED)):
            kept = client.get("/thread", query_string=_query(page)).text
            assert kept == _anew(app, client, page)
            assert kept != seen[page], "the change was to be seen"
            seen[page] = kept


def test_a_comment_is_drawn_once(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    _talk(client, db_session)
    cache: Cache[drawn.Key, str] = app.extensions["drawn"]
    Reader(client).sees()
    before = len(cache.entries)
    Reader(client).sees()
    assert len(cache.entries) == before
    Reader(client).says("One more")
    Reader(client).sees()
    assert len(cache.entries) == before + 1


def test_what_only_its_author_sees_is_not_kept(app: Flask, client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    browser = {"Sec-Fetch-Mode": "navigate"}
    assert Reader(client).says("Mine to amend", headers=browser).status_code == 303
    own = client.get("/thread", query_string={**_query(0), "own": "1"}).text
    assert 'class="edit"' in own
    assert 'class="edit"' not in client.get("/thread", query_string=_query(0)).text
    cache: Cache[drawn.Key, Any] = app.extensions["drawn"]
    parts = [entry.thing for entry in cache.entries.values()]
    kept = [part if isinstance(part, bytes) else part.encode() for part in parts]
    assert kept and not [part for part in kept if b'class="edit"' in part]


def test_nobody_can_write_where_the_comments_stand(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    Reader(client, name=drawn.PLACE).says(f"Once {drawn.PLACE} more", title=drawn.PLACE)
    page = client.get("/thread", query_string=_query(0)).text
    assert page.count("<article") == 1 and page.index("<main") < page.index("<article") and "<!--" not in page


def _talk(client: FlaskClient, db_session: Session) -> tuple[Comment, Comment]:
    Reader(client).says("Who was there?")
    asked = the_comment(db_session, "Who was there?")
    Reader(client, name="Taro", email="taro@readers.example").says("I was.", parent=asked.id)
    return asked, the_comment(db_session, "I was.")


def _query(page: int) -> dict[str, str]:
    return {"site": "paper", "url": PAGE} | ASKED[page]


def _anew(app: Flask, client: FlaskClient, page: int) -> str:
    kept, app.extensions["drawn"] = app.extensions["drawn"], Cache(drawn.ROOM)
    text = client.get("/thread", query_string=_query(page)).text
    app.extensions["drawn"] = kept
    return text
