"""Every text parameter of every route: for any content, CPU time is linear in the length, without errors."""

import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import cycle, product
from time import thread_time
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.datastructures import EnvironHeaders, ImmutableMultiDict
from wtforms import Form

from app import forms as app_forms
from app.abuse.bounds import LONGEST_HEADER, LONGEST_PATH, LONGEST_QUERY, MOST_FIELDS
from app.api import access
from app.comments import amend
from app.forms.comment import BODY_LENGTH
from app.forms.site_page import SettingsForm
from app.lib import grapheme
from app.models import Rate, Role
from tests.cast import Reader, a_moderator, a_site, a_token
from tests.hostile import SHAPES, again
from tests.web.test_queue import at_the_desk, hidden
from tests.web.texts import HEADERS, INPUTS, Input

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

# Bytes of a form without the text under attack.
ROOM = 4_096
LARGEST = 256 * 1024 - ROOM
# CPU seconds for a response to the longest text, and from which time growth is checked.
MOST_S, SHORTEST_S, MOST = 0.1, 0.02, 2.5
TRIES = 3
# Shapes that once stopped the service; others run on each function (tests/test_linear.py) and in `make torture`.
DANGEROUS = (
    "marks of two classes", "marks that are spacing", "marks after NFKC only", "letters with two marks",
    "regional indicators", "letters that grow by 18", "all letters", "brackets", "deeper and deeper quotes",
    "spelt letters without an end", "words of the lists, and exceptions", "links in Japanese", "commas",
)  # fmt: skip
# Routes whose headers get every shape.
READ_ALL = ("thread.page", "comments.post")
# The long table is made in parts, which can run side by side.
PARTS = 8
read: set[str] = set()


class Recorded(ImmutableMultiDict[str, str]):
    """A query or form that records the names that are read."""

    def __getitem__(self, key: str) -> Any:
        read.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        read.add(str(key))
        return super().__contains__(key)

    def getlist(self, key: str, *rest: Any, **more: Any) -> Any:
        read.add(key)
        return super().getlist(key, *rest, **more)


class RecordedHeaders(EnvironHeaders):
    def __getitem__(self, key: Any, _get_mode: bool = False) -> Any:
        read.add(f"header {str(key).title()}")
        return super().__getitem__(key)


class RecordedRequest(Request):
    parameter_storage_class = Recorded  # type: ignore[assignment]

    def __init__(self, environ: Any, *rest: Any, **more: Any) -> None:
        super().__init__(environ, *rest, **more)
        self.headers = RecordedHeaders(environ)


@dataclass(frozen=True)
class Text:
    """A text parameter: its location (query, form, json, path, header), name and maximum length."""

    endpoint: str
    method: str
    where: str
    name: str
    largest: int
    accepted: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint} {self.where} {self.name}{' (accepted)' if self.accepted else ''}"

    def written(self, shape: str, size: float) -> str:
        """As many of the shape's characters as fit."""
        sample = SHAPES[shape](1_000)
        letters = int(self.largest * size * len(sample) / self._weighs(sample))
        return SHAPES[shape](letters - letters // 100)

    def _weighs(self, text: str) -> int:
        if self.accepted:
            return max(grapheme.count(text), len(text) / 2)
        return len(quote(text, safe="")) if self.where in ("query", "path") else len(text.encode())


def texts(app: Flask, *, settings: bool = False) -> Iterator[Text]:
    """Every text parameter of every route; of a site's settings, which are parsed alike, two or all."""
    # Routes that store comments come last: other pages show them.
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.endpoint.startswith(("api.", "comments."))):
        method = "POST" if "POST" in rule.methods else "GET"
        taken = with_settings(rule.endpoint) if settings else INPUTS[rule.endpoint]
        sizes = {"query": LONGEST_QUERY - ROOM, "form": LARGEST, "json": LARGEST, "path": LONGEST_PATH - 200}
        for where, largest in sizes.items():
            for name in getattr(taken, where):
                yield Text(rule.endpoint, method, where, name, largest)
                if name == "body":
                    yield Text(rule.endpoint, method, where, name, BODY_LENGTH - 10, accepted=True)
        if method == "POST" and not taken.form and not taken.json:
            yield Text(rule.endpoint, method, "form", "csrf_token", LARGEST)


def heads(*endpoints: str) -> Iterator[Text]:
    for endpoint in endpoints:
        method = "POST" if INPUTS[endpoint].form or INPUTS[endpoint].json else "GET"
        for name in HEADERS:
            yield Text(endpoint, method, "header", name, LONGEST_HEADER - 100)


class Attacker:
    """Sends requests as a reader, and below /moderate and /sites as the site's owner."""

    def __init__(self, app: Flask, db_session: Session) -> None:
        self.app, self.anyone = app, app.test_client()
        # All comments are held, so that each stays unchanged; one is public and can be reported.
        site = a_site(db_session)
        a_moderator(db_session, site, "alice", Role.OWNER)
        public = Reader(self.anyone).post("something public")
        assert public.status_code == 201
        self.owned = public.headers["Kaiwa-Token"]
        # The link to another comment, since one can be edited ten times only.
        self.own_link = re.findall(r"/comment/([^\"]+)", Reader(self.anyone).post("something else").text)[0]
        site.hold_all, site.edit_minutes = True, 1440
        db_session.commit()
        self.alice = at_the_desk(app)
        self.program = {"Authorization": f"Bearer {a_token(db_session, site)}"}
        self.csrf = hidden(self.alice.get("/moderate/"), "csrf_token")
        self.number = 0

    def seconds(self, text: Text, typed: str) -> float:
        """CPU time of the response. Fails on a server error, and on a response that requires another user."""
        client, path, request = self.request(text, typed)
        started = thread_time()
        answer = client.open(path, method=text.method, buffered=True, **request)
        took = thread_time() - started
        assert answer.status_code < 500, f"{text} answers {answer.status_code} to {typed[:20]!a}"
        if text.accepted and text.name == "body":
            known = (
                (200, 201, 202, 303, 403, 409, 422)
                if text.endpoint.startswith("api.")
                else (200, 201, 202, 303, 403, 422)
            )
            assert answer.status_code in known, f"{text} answers {answer.status_code}"
        return took

    def request(self, text: Text, typed: str) -> tuple[FlaskClient, str, dict[str, Any]]:
        taken = with_settings(text.endpoint)
        rule = next(each for each in self.app.url_map.iter_rules() if each.endpoint == text.endpoint)
        tokens = {"token": self.own_link} if text.endpoint == "own_comment.edit" else {}
        path = {"id": "1", **taken.path, **tokens} | (
            {text.name: quote(typed, safe="")} if text.where == "path" else {}
        )
        where = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: path[found[1]], rule.rule)
        ours = where.startswith(("/moderate", "/sites", "/account", "/logout"))
        self.number += 1
        sent: dict[str, Any] = {
            "environ_overrides": {"REMOTE_ADDR": f"10.{self.number >> 8 & 255}.{self.number & 255}.1"},
            "headers": self.program if where.startswith("/api/") else {},
        }
        query = taken.query | ({text.name: typed} if text.where == "query" else {})
        form = self.filled(taken, text.endpoint) | ({text.name: typed} if text.where == "form" else {})
        if query:
            where = f"{where}?{urlencode(query)}"
        if taken.json:
            # As UTF-8: escapes make a body of emoji larger than a request may be.
            json_body = json.dumps(self.unlike_others(taken.json, text, typed), ensure_ascii=False)
            sent |= {"data": json_body.encode("utf-8", "surrogatepass"), "content_type": "application/json"}
        elif text.method == "POST":
            sent |= {"data": self.unlike_others(form, text, typed), "content_type": "multipart/form-data"}
        if text.where == "header":
            value = (HEADERS[text.name] + re.sub("[\0\r\n]", " ", typed)).encode().decode("latin-1")
            sent["environ_overrides"]["HTTP_" + text.name.upper().replace("-", "_")] = value[:LONGEST_HEADER]
        return self.alice if ours else self.anyone, where, sent

    def filled(self, taken: Input, endpoint: str) -> dict[str, str]:
        form = {"csrf_token": self.csrf} | taken.form
        # A withdrawn comment could not be edited any more.
        return form | {"token": self.owned} if endpoint in ("comments.edit", "comments.prove") else form

    def unlike_others(self, fields: dict[str, str], text: Text, typed: str) -> dict[str, str]:
        """A different text each time: a repeated comment would not be processed."""
        if text.name == "body":
            return fields | {"body": f"{self.number}{typed}"}
        return fields | {"body": f"words {self.number}"} if "body" in fields else fields


def with_settings(endpoint: str) -> Input:
    taken = INPUTS[endpoint]
    if endpoint != "sites.change_settings":
        return taken
    # Every setting, and the switch beside those that can be off.
    names = [name for name in dir(SettingsForm) if hasattr(getattr(SettingsForm, name), "field_class")]
    return replace(taken, form=dict.fromkeys(names, "") | taken.form)


@pytest.fixture
def attacker(app: Flask, db_session: Session, monkeypatch: pytest.MonkeyPatch) -> Attacker:
    monkeypatch.setattr(access, "RATE", Rate(1_000_000, 1))
    monkeypatch.setattr(amend, "EDITS", amend.EDITS._replace(burst=1_000, seconds=1))
    app.request_class = RecordedRequest
    read.clear()
    return Attacker(app, db_session)


def measured(attacker: Attacker, text: Text, shape: str) -> tuple[float, float]:
    """CPU seconds for half of the longest text, and for all of it; the minimum of some runs if it is not short."""
    if text.where == "header":
        return (excess(attacker, text, shape),) * 2
    whole, half = text.written(shape, 1), text.written(shape, 0.5)
    more = attacker.seconds(text, whole)
    less = attacker.seconds(text, half) if more > SHORTEST_S else more
    for _try in range(TRIES):
        if not is_slow(less, more):
            break
        less, more = min(less, attacker.seconds(text, half)), min(more, attacker.seconds(text, whole))
    return less, more


def excess(attacker: Attacker, text: Text, shape: str) -> float:
    """CPU seconds that a header costs more than an empty one: a page may be slow by itself."""
    more = attacker.seconds(text, text.written(shape, 1))
    if more <= SHORTEST_S:
        return more
    empty, whole = (
        min(attacker.seconds(text, typed) for _try in range(TRIES)) for typed in ("", text.written(shape, 1))
    )
    return max(whole - empty, 0.0)


def is_slow(less: float, more: float) -> bool:
    return more > MOST_S or more > max(SHORTEST_S, MOST * less)


def test_every_route_is_in_the_table(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(INPUTS)


def test_every_field_of_every_form_is_in_the_table(app: Flask) -> None:
    """A form without a known route would be a text that is not tested."""
    for module in pkgutil.iter_modules(app_forms.__path__):
        importlib.import_module(f"app.forms.{module.name}")
    known = {name for endpoint in INPUTS for where in ("query", "form", "json")
             for name in getattr(with_settings(endpoint), where)}  # fmt: skip
    for form in every(Form):
        if form.__module__.startswith("app.forms."):
            fields = {field.name or name for name in dir(form)
                      if hasattr(field := getattr(form, name), "field_class")}  # fmt: skip
            assert fields - {"csrf_token"} <= known, f"{form.__name__}: {fields - known}"


def every(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from every(each)


def test_no_text_of_any_route_keeps_the_server_busy(app: Flask, attacker: Attacker) -> None:
    """A different shape for each parameter, and all dangerous shapes for comment texts."""
    slow, shapes, missing = [], cycle(DANGEROUS), set()
    for text in [*heads(*READ_ALL), *texts(app)]:
        many = text.accepted and text.endpoint == "comments.post"
        for shape in DANGEROUS if many else [next(shapes)]:
            read.clear()
            less, more = measured(attacker, text, shape)
            if is_slow(less, more):
                slow.append(row(text, shape, less, more))
            missing |= {f"{text.endpoint} reads {name}" for name in unknown(text)}
    assert not missing, "not in the table: " + ", ".join(sorted(missing))
    assert not slow, "\n".join(slow)


@pytest.mark.torture
@pytest.mark.parametrize("part", range(PARTS))
def test_no_shape_in_any_text_of_any_route_keeps_the_server_busy(
    app: Flask, attacker: Attacker, capsys: pytest.CaptureFixture[str], part: int
) -> None:
    """Prints the table: route, text, shape, milliseconds for half of the longest text and for all of it.

    All routes read headers by the same code: two get each shape, the others a different one for each header.
    """
    shapes, slow, rows = list(SHAPES)[part::PARTS], [], []
    whole = [*heads(*READ_ALL), *texts(app, settings=True)]
    others = heads(*(each for each in INPUTS if each not in (*READ_ALL, "account.log_out")))
    for text, shape in [*product(whole, shapes), *list(zip(others, cycle(SHAPES), strict=False))[part::PARTS]]:
        less, more = measured(attacker, text, shape)
        rows.append(row(text, shape, less, more))
        if is_slow(less, more):
            slow.append(rows[-1])
    with capsys.disabled():
        print("\n" + "\n".join(rows))
    assert not slow, "\n".join(slow)


def row(text: Text, shape: str, less: float, more: float) -> str:
    return f"{text!s:60} {shape:36} {1000 * less:8.1f} {1000 * more:8.1f}"


def unknown(text: Text) -> set[str]:
    taken = with_settings(text.endpoint)
    known = {*taken.query, *taken.form, *taken.json, "csrf_token", *(f"header {name.title()}" for name in HEADERS)}
    known |= {
        f"header {name}"
        for name in (
            "Content-Type",
            "Content-Length",
            "Transfer-Encoding",
            "Content-Encoding",
            "Host",
            "Accept-Charset",
            "Cache-Control",
            "Pragma",
            "Date",
            "Max-Forwards",
        )
    }
    return {name for name in read if name not in known}


def test_many_texts_at_once_stay_cheap(app: Flask, attacker: Attacker) -> None:
    """The maximum number of fields and parts, which share the size of the body."""
    share = again("\u0316\u0301")(LARGEST // MOST_FIELDS // 4)
    many = [(name, share) for name in ("body", "title", "thread", "token", "comment") for _ in range(MOST_FIELDS // 6)]
    for path in ("/embed/comments", "/embed/own", "/embed/preview"):
        started = thread_time()
        with suppress(ValueError):
            attacker.anyone.post(path, data=urlencode([("site", "paper"), *many]),
                                 content_type="application/x-www-form-urlencoded")  # fmt: skip
        assert thread_time() - started < MOST_S
