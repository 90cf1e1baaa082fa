"""What a public view reads from its address is what the page cache passes on; another parameter fails in every test."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode

import pytest
from flask import Blueprint, Flask, request
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.models.audit import Who
from app.screening import list_publishing
from app.server import cache_key
from app.web import public
from app.web.public import Declared, PublicRoute, UndeclaredParameter, public_get
from tests.cast import PAGE, Reader, a_site, the_comment

PATHS = (
    "/embed.js", "/live.js", "/writing.js", "/work.js", "/frame.js", "/member.js", "/thread.css", "/embed/counts",
    "/embed/thread", "/embed/static", "/thread", "/feeds/site/paper.atom", "/feeds/thread", "/feeds/picks",
    "/summary/paper", "/summary/paper/heads.json", "/lists/paper.json",
)  # fmt: skip
# A value of each parameter that the page cache does not leave out.
VALUES = {
    "site": "paper", "url": PAGE, "thread": "own id", "title": "A title", "lang": "en", "sort": "newest",
    "after": "1", "comment": "1", "parent": "1", "own": "1", "voted": "1", "section": "news",
    "before": "2026-01-01",
}  # fmt: skip


@pytest.fixture
def routes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[PublicRoute]]:
    """The list of public routes, for tests that add one."""
    monkeypatch.setattr(public, "ROUTES", [*public.ROUTES])
    monkeypatch.setattr(public, "BY_PATH", {**public.BY_PATH})
    return public.ROUTES


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", PATHS)
def test_a_view_reads_what_its_route_declares(
    app: Flask, client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    site = a_site(db_session, public_summary=True)
    list_publishing.change(site, is_on=True, words=True, domains=True, by=Who.OPERATOR)
    db_session.commit()
    Reader(client).post("Here")
    route, read = _route(path), set()
    check = Declared.check

    def noted(self: Declared, name: object) -> None:
        read.add(name)
        check(self, name)

    monkeypatch.setattr(Declared, "check", noted)
    numbered = {"comment": str(the_comment(db_session, "Here").id)}
    for private in ((), *((name,) for name in route.private)):
        names = (*route.parameters, *private)
        given = {name: value for name, value in (VALUES | numbered).items() if name in names and name != "thread"}
        assert client.get(path, query_string=given).status_code == 200
    assert read == {*route.parameters, *route.private}


@pytest.mark.parametrize("path", PATHS)
def test_the_page_cache_passes_on_what_a_route_declares(path: str) -> None:
    route = _route(path)
    asked = cache_key.key_of(path, urlencode({name: VALUES[name] for name in route.parameters} | {"junk": "1"}))
    assert asked and parse_qs(asked.query).keys() == set(route.parameters)
    for name in route.private:
        assert cache_key.key_of(path, urlencode({name: VALUES[name]})) is None


def test_each_public_route_is_tested(routes: list[PublicRoute]) -> None:
    assert [route for route in routes if not any(route.path.fullmatch(path) for path in PATHS)] == []


def test_a_parameter_that_is_not_declared_cannot_be_read(routes: list[PublicRoute]) -> None:
    bp, app = Blueprint("new", __name__), Flask(__name__)

    @public_get(bp, "/new", "known")
    def view() -> str:
        assert request.args.get("known") == "1" and request.args.to_dict() == {"known": "1"}
        for read in (request.args.get, request.args.getlist, request.args.__getitem__, request.args.__contains__):
            with pytest.raises(UndeclaredParameter, match="new_one"):
                read("new_one")
        return "read"

    app.register_blueprint(bp)
    assert app.test_client().get("/new?known=1&new_one=2").text == "read"


def _route(path: str) -> PublicRoute:
    route = public.route_of(path)
    assert route
    return route
