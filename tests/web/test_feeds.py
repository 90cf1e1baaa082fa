"""Feeds contain recently published comments only."""

from xml.etree import ElementTree

from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models import Status
from tests.cast import PAGE, Reader, a_site, move, the_comment

ATOM = "{http://www.w3.org/2005/Atom}"


def test_a_feed_contains_public_comments(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    reader = Reader(client, name="Hana & <Ko>")
    reader.post("first <b>&amp;</b> **strong**")
    reader.post("second")
    move(db_session, the_comment(db_session, "second"), Status.SPAM)
    for path in ("/feeds/site/paper.atom", f"/feeds/thread?site=paper&url={PAGE}"):
        feed = ElementTree.fromstring(client.get(path).data)  # noqa: S314
        entries = feed.findall(f"{ATOM}entry")
        assert [entry.findtext(f"{ATOM}author/{ATOM}name") for entry in entries] == ["Hana & <Ko>"]
        assert "<strong>strong</strong>" in (entries[0].findtext(f"{ATOM}content") or "")
        assert "&lt;b&gt;" in (entries[0].findtext(f"{ATOM}content") or "")


def test_an_empty_feed_is_a_feed(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    assert ElementTree.fromstring(client.get("/feeds/site/paper.atom").data).findall(f"{ATOM}entry") == []  # noqa: S314
    assert client.get("/feeds/site/nosuch.atom").status_code == 404
