"""Export and erasure of a reader's personal data; after erasure no page, search or stored byte contains it."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.comments import person as people
from app.comments import person_erasure, tokens
from app.extensions import db
from app.models import (
    ApiAnswer,
    Author,
    Comment,
    Decision,
    Delivery,
    Effect,
    Moderator,
    Report,
    Revision,
    Rule,
    Site,
    Status,
    Subject,
    Thread,
)  # fmt: skip
from app.screening import rules
from app.search import index
from tests.cast import PAGE, Program, Reader, a_moderator, a_site, a_token, move, the_comment
from tests.services import Postgres

EMAIL, NAMES, WEBSITE = (
    "Canary.Q7@hidden-q7.example",
    ("Kanariya Q7 カナリヤ", "Zweitname Q7"),
    "https://site-q7.example/",
)
NETWORK = "203.0.113.0/24"
STATUSES = (Status.APPROVED, Status.PENDING, Status.REJECTED, Status.SPAM, Status.DELETED)


@pytest.fixture
def writer(app: Flask, db_session: Session) -> Reader:
    """An author with comments in every status, under two names and tokens, mentioned by other readers."""
    app.config["TRUSTED_PROXIES"] = []
    site = a_site(db_session)
    alice = a_moderator(db_session, site)
    reader = Reader(app.test_client(), NAMES[0], EMAIL, peer="203.0.113.9")
    other = Reader(app.test_client(), "Bob", "bob@readers.example")
    for number, status in enumerate(STATUSES):
        reader.name = NAMES[number % 2]
        reader.post(f"words {number}", website=WEBSITE, url=f"{PAGE}/{number % 2}")
        comment = the_comment(db_session, f"words {number}")
        comment.features = {"browser": "q7"}
        db_session.commit()
        if status != Status.APPROVED:
            move(db_session, comment, status, by=alice)
    Reader(app.test_client(), NAMES[0], EMAIL.upper()).post("words again")
    first = the_comment(db_session, "words 0")
    other.post("an answer", parent=str(first.id), url=f"{PAGE}/0")
    other.post(f"write to {EMAIL.lower()} if you like")
    db_session.add(Revision(site_id=first.site_id, comment_id=first.id, body=f"I am {NAMES[0]}", html="<p>x</p>"))
    note = f"{NAMES[0]}, {EMAIL}, asked"
    db_session.add(
        Decision(
            site_id=site.id,
            comment_id=first.id,
            to_status="approved",
            version=9,
            actor="moderator",
            moderator_id=alice.id,
            note=note,
        )
    )
    rules.create([rules.draft(site, Subject.EMAIL, Effect.SPAM, EMAIL)], by=alice)
    rules.create([rules.draft(site, Subject.AUTHOR, Effect.HOLD, str(first.author_id))], by=alice)
    db_session.add(Delivery(kind="letter", payload=json.dumps({"to": EMAIL}), message_id="<m>"))
    db_session.add(Delivery(kind="letter", payload=json.dumps({"to": "bob@readers.example"}), message_id="<n>"))
    asked = {"user_ip": "203.0.113.7", "user_agent": NAMES[0]}
    db_session.add(
        Delivery(
            kind="akismet", site_id=first.site_id, comment_id=first.id, payload=json.dumps(asked), message_id="<a>"
        )
    )
    report = {"reason": "hate", "reporter_index": "r", "comment_version": 1, "note": f"{EMAIL} lies"}
    db_session.add(Report(site_id=site.id, comment_id=first.id, **report))
    db_session.commit()
    return reader


def run(app: Flask, *words: str, code: int = 0) -> dict[str, Any]:
    done = app.test_cli_runner().invoke(args=["person", *words, "--json"])
    assert done.exit_code == code, done.output
    return dict(json.loads(done.stdout.splitlines()[-1]))


def in_the_files(app: Flask, postgres: Postgres) -> Iterator[bytes]:
    """All bytes of the database, SQLite or PostgreSQL."""
    if app.config["DATABASE_URL"].startswith("sqlite"):
        file = Path(app.config["DATABASE_URL"].removeprefix("sqlite:///"))
        yield from (each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
        number = connection.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
    yield from (each.read_bytes() for each in (postgres.sockets / "data" / "base" / str(number)).iterdir())


def canaries() -> list[bytes]:
    secrets = (EMAIL, EMAIL.lower(), *NAMES, WEBSITE, "203.0.113")
    return [form for each in secrets for form in (each.encode(), each.encode("ascii", "backslashreplace"))]


def test_the_export_is_complete(app: Flask, writer: Reader, db_session: Session) -> None:
    found = run(app, "export", EMAIL.upper())
    assert {comment["status"] for comment in found["comments"]} == {str(status) for status in STATUSES}
    assert len(found["comments"]) == 6 and len(found["authors"]) == 2
    assert found["comments"][0]["earlier_texts"] and found["comments"][0]["network"] == NETWORK
    assert {rule["about"] for rule in found["rules"]} == {"email", "author"}
    assert "bob@" not in json.dumps(found) and "alice" not in json.dumps(found).casefold(), "other people are not hers"


def test_a_dry_run_forgets_nothing(app: Flask, writer: Reader, db_session: Session) -> None:
    before = run(app, "export", EMAIL)
    assert run(app, "erase", EMAIL, "--dry-run")["by_status"]["approved"] == 2
    assert run(app, "export", EMAIL) == before


@pytest.mark.parametrize("remove", [False, True])
def test_an_erased_author_is_found_nowhere(
    app: Flask, writer: Reader, db_session: Session, postgres: Postgres, remove: bool
) -> None:
    hidden = "".join(f"{row}" for row in db_session.query(Comment.name).all())
    assert NAMES[0] in hidden, "there is something to find"
    db_session.rollback()
    kept = writer.get_thread(url=f"{PAGE}/0")
    words = ["person", "erase", EMAIL, "--json", *(["--remove-text"] if remove else [])]
    done = app.test_cli_runner().invoke(args=words)
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (answer["authors"], answer["comments"], answer["rules"], answer["emails"]) == (2, 6, 2, 1)
    assert answer["swept"] and answer["left"] == [] and answer["in_file"] == 0
    assert not db_session.query(Delivery).filter_by(kind="akismet").count(), "request data for Akismet is erased"
    everything = b"".join(in_the_files(app, postgres))
    assert b"an answer" in everything, "the others' words are there"
    assert [canary for canary in canaries() if canary in everything] == []
    receipt = [line for line in done.stderr.splitlines() if "person erased" in line]
    assert len(receipt) == 1 and not any(canary.decode() in receipt[0] for canary in canaries())
    db_session.expire_all()
    mine = [comment for comment in db_session.query(Comment) if comment.author.erased_at]
    assert len(mine) == 6
    assert {comment.body == "" for comment in mine} == {remove}
    assert {comment.name for comment in mine} == {"削除された投稿者"}
    assert not any(comment.address or comment.address_index or comment.typed_by or comment.features for comment in mine)
    if remove:
        assert {comment.status for comment in mine} == {"deleted"}
    else:
        assert {comment.status for comment in mine} == {str(status) for status in STATUSES}
    db_session.rollback()
    page = writer.get_thread(url=f"{PAGE}/0")
    assert "an answer" in page.text and page.headers["ETag"] != kept.headers["ETag"]
    assert ("words 0" in page.text) is not remove
    assert len(db_session.query(Delivery).filter_by(kind="letter").all()) == 1, "other authors' emails stay"
    assert db_session.query(Report).one().note == "… lies"
    assert db_session.query(Thread).filter(Thread.approved_count > 0).count() >= 1


def test_the_bytes_of_an_erased_author_can_be_removed_later(
    app: Flask, writer: Reader, db_session: Session, postgres: Postgres
) -> None:
    """On PostgreSQL this locks the tables: readers of a busy site should not wait for it at any time of the day."""
    answer = run(app, "erase", EMAIL, "--later")
    assert not answer["swept"] and answer["left"] == [] and not answer["file_searched"]
    if db.engine.dialect.name == "postgresql":
        everything = b"".join(in_the_files(app, postgres))
        assert [canary for canary in canaries() if canary in everything], "the test has something to remove"
    done = app.test_cli_runner().invoke(args=["person", "remove-bytes"])
    assert done.exit_code == 0 and "are removed" in done.stdout, done.output
    everything = b"".join(in_the_files(app, postgres))
    assert [canary for canary in canaries() if canary in everything] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_programs_were_told_about_an_erased_author_is_deleted(
    app: Flask, writer: Reader, db_session: Session
) -> None:
    first, other = the_comment(db_session, "words 0"), the_comment(db_session, "an answer")
    program = Program(app.test_client(), a_token(db_session, first.site))
    writes: list[tuple[str, dict[str, Any]]] = [
        (f"/comments/{other.id}/pick", {}), ("/rules", {"subject": "word", "value": "ferry", "effect": "hold"}),
        (f"/comments/{first.id}/pick", {}), (f"/authors/{first.author_id}/trust", {"effect": "allow"}),
        (f"/comments/{first.id}/decisions", {"status": "spam", "seen": first.version}),
        (f"/comments/{other.id}/notes", {"text": f"Is this {NAMES[1]}?"}),
    ]  # fmt: skip
    answers = [program.post(path, body, **{"Idempotency-Key": path}) for path, body in writes]
    assert [each.status_code < 300 for each in answers] == [True] * 6, [each.json for each in answers]
    db_session.rollback()
    assert db_session.query(ApiAnswer).count() == 6
    run(app, "erase", EMAIL)
    kept = [answers[0].text, answers[1].text, answers[3].text]
    assert [each.body for each in db_session.query(ApiAnswer).order_by(ApiAnswer.id)] == kept, "those about others"
    db_session.rollback()


def test_tokens_of_an_erased_author_are_void(app: Flask, writer: Reader, db_session: Session) -> None:
    site = the_comment(db_session, "words 0").site
    assert tokens.author_of(site, writer.author) and tokens.comments_of(site, [writer.token])
    db_session.rollback()
    run(app, "erase", EMAIL)
    db_session.expire_all()
    assert tokens.author_of(site, writer.author) is None
    assert tokens.comments_of(site, [writer.token]) == []
    db_session.rollback()
    writer.post("I am new here", name="New")
    author = the_comment(db_session, "I am new here").author
    assert author.erased_at is None and author.email == EMAIL, "a new author"


def test_a_run_that_was_stopped_goes_on(app: Flask, writer: Reader, db_session: Session) -> None:
    steps = person_erasure.erase(people.find(EMAIL), person_erasure.Receipt(), remove_text=False)
    next(steps)
    db_session.commit()
    steps.close()
    db_session.expire_all()
    assert run(app, "erase", EMAIL)["authors"] == 2


def test_mentions_by_others_are_reported_and_kept(app: Flask, writer: Reader, db_session: Session) -> None:
    Reader(app.test_client(), "Bob").post(f"as {NAMES[0]} said")
    answer = run(app, "erase", EMAIL)
    assert [(each["what"], each["table"]) for each in answer["left"]] == [("name", "comment")] * len(answer["left"])
    assert answer["left"] and the_comment(db_session, f"as {NAMES[0]} said")


@pytest.mark.parametrize("indexed", [False, True])
def test_an_address_is_found_in_every_spelling_and_every_table(
    app: Flask, writer: Reader, db_session: Session, indexed: bool
) -> None:
    site, first = the_comment(db_session, "words 0").site, the_comment(db_session, "words 0")
    ours = (
        f"＜{EMAIL.replace('@', '＠')}＞", EMAIL.upper(), EMAIL.replace("@", "%40"), EMAIL.replace("@", "&#64;"),
        EMAIL.replace("@", "&COMMAT;"), EMAIL.replace("@", "\ufe6b"), f"名前{EMAIL}を",
        "\u200b".join(EMAIL),
    )  # fmt: skip
    bob = Reader(app.test_client(), "Bob")
    for number, written in enumerate(ours):
        bob.post(f"ask {written} number {number}")
    comment = the_comment(db_session, f"ask {ours[0]} number 0")
    comment.claimed = {"title": f"by {ours[0]}", "url": f"https://a.example/?by={ours[2]}"}
    comment.reasons = [{"check": "words", "word": ours[0]}]
    comment.author.email, comment.author.email_index = EMAIL.replace("Q7@", "q7@"), None
    db_session.add(Revision(site_id=comment.site_id, comment_id=comment.id, body=ours[0], html=ours[3]))
    db_session.add(Delivery(kind="letter", payload=json.dumps({"to": ours[1]}), message_id="<k>"))
    report = {"reason": "hate", "reporter_index": "k", "comment_version": 1, "note": f"from {ours[0]}"}
    db_session.add(Report(site_id=site.id, comment_id=first.id, **report))
    db_session.commit()
    if indexed:
        index.build(0)
        db_session.commit()
    answer = run(app, "erase", EMAIL)
    assert answer["left"] == [] and answer["emails"] == 2
    db_session.expire_all()
    said = str([each.body + each.html + str(each.claimed) + str(each.reasons) for each in db_session.query(Comment)])
    said += str([each.body + each.html for each in db_session.query(Revision)])
    said += str([each.note for each in db_session.query(Report)] + [comment.author.email])
    assert "hidden-q7" not in said.casefold() and "number 7" in said


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_texts_that_may_hold_an_address_or_a_name_are_read(
    app: Flask, writer: Reader, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    bob = Reader(app.test_client(), "Bob")
    bob.post("write to bob@readers.example")
    for number in range(3):
        bob.post(f"neither {number}")
    index.build(0)
    db_session.commit()
    asked = list(index.all_candidates(index.options_of(*person_erasure.AT_NGRAMS)))
    said = {comment.body for comment in db_session.query(Comment).where(Comment.id.in_(asked))}
    assert "write to bob@readers.example" in said and not any("neither" in each for each in said)
    named = list(index.all_candidates(index.options_of_name("bOB")))
    assert {comment.name for comment in db_session.query(Comment).where(Comment.id.in_(named))} == {"Bob"}


def test_a_name_that_many_have_is_counted_up_to_a_limit(
    app: Flask, writer: Reader, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_erasure, "MAX_NAMES", 3)
    for number in range(5):
        Reader(app.test_client(), NAMES[0]).post(f"my name too {number}")
    db_session.rollback()
    left = [each for each in run(app, "erase", EMAIL)["left"] if each["table"] == "comment"]
    assert [(each["rows"], each["more"]) for each in left] == [(3, True)]


@pytest.mark.parametrize("name", ["Gro\N{LATIN SMALL LETTER SHARP S}mann", "Grossmann", "\N{KELVIN SIGN}irsten"])
def test_a_name_is_found_where_the_database_does_not_know_its_case(app: Flask, db_session: Session, name: str) -> None:
    a_site(db_session)
    Reader(app.test_client(), name, EMAIL).post("words 0")
    others = {"Grossmann": "Gro\N{LATIN SMALL LETTER SHARP S}mann", "\N{KELVIN SIGN}irsten": "KIRSTEN"}
    Reader(app.test_client(), "Bob").post(f"as {others.get(name, 'GROSSMANN')} said")
    left = run(app, "erase", EMAIL)["left"]
    assert {(each["what"], each["column"]) for each in left} == {("name", "body"), ("name", "html")}


def test_a_reader_of_hundreds_of_names_is_looked_for(app: Flask, writer: Reader, db_session: Session) -> None:
    names = [f"Reader {number:03}" for number in range(600)]
    db_session.query(Moderator).one().name = "reader 007"
    db_session.commit()
    left = person_erasure.remnants(people.find(EMAIL), names)
    assert [each["rows"] for each in left if (each["what"], each["table"]) == ("name", "moderator")] == [1]


def test_a_reader_who_is_hundreds_of_authors_is_exported_and_erased(
    app: Flask, writer: Reader, db_session: Session
) -> None:
    site = db_session.query(Site).filter_by(key="paper").one()
    db_session.add_all(
        Author(site_id=site.id, name=NAMES[0], email=EMAIL, email_index=Author.index_of(site, EMAIL))
        for _ in range(600)
    )
    db_session.commit()
    person = people.find(EMAIL)
    raw: Any = db_session.connection().connection.driver_connection
    if isinstance(raw, sqlite3.Connection):
        # In place of 32,766.
        raw.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 500)
    assert person.count()[Status.APPROVED] and person.comments() and person.names
    receipt = person_erasure.Receipt()
    for _step in person_erasure.erase(person, receipt, remove_text=False):
        db_session.commit()
    assert receipt.authors > 600 and receipt.comments


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("writer")
def test_copies_that_sqlite_left_behind_in_its_pages_go_too(app: Flask, postgres: Postgres) -> None:
    trace, file = "https://left-behind.example/", app.config["DATABASE_URL"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as connection:
        # Without secure_delete the old bytes stay, as they do where rows move to another page.
        connection.execute("PRAGMA secure_delete=OFF")
        connection.execute("CREATE TABLE scratch (said TEXT)")
        connection.execute("INSERT INTO scratch VALUES (?)", [trace])
        connection.execute("DELETE FROM scratch")
        connection.commit()
    assert trace.encode() in b"".join(in_the_files(app, postgres))
    run(app, "erase", EMAIL, "--remove-text")
    assert trace.encode() not in b"".join(in_the_files(app, postgres))


def test_search_forgets_an_erased_author_and_no_others(app: Flask, writer: Reader, db_session: Session) -> None:
    ids = [comment.id for comment in db_session.query(Comment) if comment.author.email == EMAIL]
    kept = the_comment(db_session, "an answer").id
    index.build(0)
    db_session.commit()
    her_piece, all_pieces = [[index.name_key("カナ")]], [[index.site_key(1)]]
    assert set(ids) & index.candidates([0], her_piece).get(0, set())
    db_session.rollback()
    run(app, "erase", EMAIL)
    assert not index.candidates([0], her_piece).get(0)
    assert kept in index.candidates([0], all_pieces)[0] and not set(ids) & index.candidates([0], all_pieces)[0]


def test_of_another_site_nothing_is_touched(app: Flask, writer: Reader, db_session: Session) -> None:
    other = a_site(db_session, "other")
    rules.create([rules.draft(other, Subject.EMAIL, Effect.HOLD, EMAIL)])
    db_session.commit()
    Reader(app.test_client(), NAMES[0], EMAIL, site="other").post(f"{EMAIL} here too")
    assert run(app, "erase", EMAIL, "--site", "paper")["authors"] == 2
    found = run(app, "export", EMAIL)
    assert [author["site"] for author in found["authors"]] == ["other"]
    assert found["comments"][0]["text"] == f"{EMAIL} here too"
    assert [rule["effect"] for rule in found["rules"]] == ["hold"]
    assert Rule.standing(other)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_erasing_a_moderators_email_keeps_the_account(app: Flask, db_session: Session) -> None:
    site = a_site(db_session)
    alice = a_moderator(db_session, site)
    Reader(app.test_client(), "Alice", alice.email).post("I write too")
    answer = run(app, "erase", alice.email, code=1)
    assert {each["table"] for each in answer["left"] if each["what"] == "email"} == {"moderator"}
    db_session.refresh(alice)
    assert alice.email == "alice@moderators.example"


def test_for_each_table_it_is_known_what_happens(app: Flask) -> None:
    assert set(person_erasure.TABLES) == set(db.metadata.tables)
