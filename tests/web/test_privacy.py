"""Email addresses stay hidden: no public response contains an address or a value derived from it."""

import base64
import hashlib
from collections.abc import Iterator

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.lib.mailbox import one_form
from app.models import Author, Status
from tests.cast import PAGE, Reader, a_site, move, the_comment

ADDRESSES = [f"Canary.{number}@Hidden-{number}.example" for number in range(5)]
CLIENTS = ["203.0.113.77", "2001:db8:aaaa:bbbb::77"]


def derived(secret: str) -> Iterator[bytes]:
    """Values that careless programs derive from an address."""
    for form in {secret, secret.lower()}:
        raw = form.encode()
        yield raw
        yield raw[::-1]
        yield base64.b64encode(raw).rstrip(b"=")
        yield raw.hex().encode()
        yield form.replace("@", "%40").encode()
        for name in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(name, raw)
            yield digest.hexdigest().encode()
            yield base64.b64encode(digest.digest()).rstrip(b"=")


def public_answers(client: FlaskClient, readers: list[Reader]) -> Iterator[TestResponse]:
    page = {"site": "paper", "url": PAGE}
    for path in ("/embed/thread", "/thread", "/embed/counts", "/feeds/thread", "/api/v1/threads"):
        for more in ({}, {"lang": "en"}, {"sort": "newest"}, {"after": "x"}, {"comment": "1"}):
            yield client.get(path, query_string=page | more)
    for path in ("/feeds/site/paper.atom", "/embed.js", "/thread.css", "/api/v1/openapi.json", "/nope", "/embed/nope"):
        yield client.get(path)
    for reader in readers:
        yield client.post("/embed/own", data={**page, "token": reader.token})
        yield client.post("/embed/comments", data={**page, "body": "again", "name": "x", "email": ""})
        yield client.post("/api/v1/comments", json={**page, "body": "", "name": "x"})


def test_no_public_answer_holds_or_derives_from_an_address(
    app: Flask, client: FlaskClient, db_session: Session
) -> None:
    a_site(db_session)
    readers = [Reader(app.test_client(), f"Reader {at}", address) for at, address in enumerate(ADDRESSES)]
    said: list[TestResponse] = []
    for at, reader in enumerate(readers):
        said.append(reader.post(f"words {at}", headers={"X-Forwarded-For": CLIENTS[at % 2]}))
        assert said[-1].status_code == 201
    move(db_session, the_comment(db_session, "words 1"), Status.SPAM)
    answers = [*said, *public_answers(client, readers)]
    assert any(b"words 0" in answer.data for answer in answers), "there is something to see"
    needles = [needle for secret in [*ADDRESSES, *CLIENTS, "127.0.0.1"] for needle in derived(secret)]
    for answer in answers:
        everything = answer.data + str(answer.headers).encode()
        found = [needle for needle in needles if needle in everything]
        assert not found, f"{answer.request.path}: {found}"


def test_the_database_holds_no_address_in_the_clear(app: Flask, db_session: Session) -> None:
    a_site(db_session)
    for at, address in enumerate(ADDRESSES):
        Reader(app.test_client(), email=address).post(f"words {at}")
    for table in ("author", "comment", "delivery", "moderator"):
        rows = str(db_session.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608
        assert "hidden-" not in rows.lower() and "127.0.0." not in rows
    stored = {author.email for author in db_session.query(Author)}
    assert stored == set(map(one_form, ADDRESSES)), "and yet they are there"


def test_two_people_with_one_address_do_not_look_alike(app: Flask, db_session: Session) -> None:
    """Otherwise typing an address would reveal its owner."""
    a_site(db_session)
    for name in ("Victim", "Forger"):
        Reader(app.test_client(), name, ADDRESSES[0]).post(f"I am {name}")
    page = Reader(app.test_client()).get_thread().text
    drawings = [part.split("</svg>")[0] for part in page.split('<path fill="')[1:3]]
    assert len(drawings) == 2 and drawings[0] != drawings[1]
