"""A posted comment is stored once, screened, and only then shown."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text, update
from sqlalchemy.orm import Session

from app import connections
from app.extensions import db
from app.lib.clock import now
from app.models import Author, Comment, Decision, Status, Thread
from app.spam import filters
from tests.cast import PAGE, Reader, a_site, move, the_comment
from tests.statements import recorded


def test_a_comment_on_an_open_site_is_published_at_once(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    answer = hanako.post("こんにちは **世界**")
    assert answer.status_code == 201
    assert "<strong>世界</strong>" in hanako.get_thread().text
    assert the_comment(db_session, "こんにちは **世界**").thread.approved_count == 1


def test_a_held_comment_is_seen_by_its_author_alone(hanako: Reader, db_session: Session, app: Flask) -> None:
    a_site(db_session, hold_all=True)
    answer = hanako.post("held")
    assert answer.status_code == 202
    assert "コメントを受け付けました。承認後に公開されます。" in answer.text
    assert "held" not in hanako.get_thread().text
    own = hanako.client.post("/embed/own", data=hanako.fields(token=hanako.token))
    assert "held" in own.text and own.headers["Cache-Control"] == "no-store"
    stranger = Reader(app.test_client())
    assert "held" not in stranger.client.post("/embed/own", data=stranger.fields(token="forged")).text


@pytest.mark.parametrize("key", ["", "one-click"])
def test_a_double_click_stores_one_comment(hanako: Reader, db_session: Session, key: str) -> None:
    a_site(db_session)
    headers = {"Idempotency-Key": key} if key else {}
    first, second = (hanako.post("twice", headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert db_session.query(Comment).count() == 1


@pytest.mark.parametrize("key", ["", "one-click"])
def test_the_same_post_many_times_at_once_stores_one_comment(app: Flask, db_session: Session, key: str) -> None:
    a_site(db_session)
    headers = {"Idempotency-Key": key} if key else {}
    readers = [Reader(app.test_client()) for _ in range(8)]
    with ThreadPoolExecutor(len(readers)) as people:
        answers = list(people.map(lambda reader: reader.post("twice", headers=headers), readers))
    assert [answer.status_code for answer in answers] == [201] * len(readers)
    assert [db_session.query(kind).count() for kind in (Comment, Author, Decision)] == [1, 1, 1]
    assert the_comment(db_session, "twice").thread.approved_count == 1


@pytest.mark.parametrize("known", [False, True])
def test_the_same_words_are_the_same_comment_for_a_day_whatever_the_date(
    hanako: Reader, db_session: Session, known: bool
) -> None:
    """An author is identified by token, from any network and name; without a token by the typed fields."""
    a_site(db_session)
    assert hanako.post("at midnight").status_code == 201
    again = replace(hanako, name="花子", peer="192.0.2.7") if known else replace(hanako, author="")
    for hours, number in ((23, 1), (25, 2)):
        arrived = {"created_at": now() - timedelta(hours=hours), "text_key": "another day"}
        db_session.execute(update(Comment).values(arrived))
        db_session.commit()
        assert again.post("at midnight").status_code == 201
        names = [hanako.name] if number == 1 else [again.name] if known else [hanako.name, again.name]
        assert [author.name for author in db_session.query(Author).order_by(Author.id)] == names
        assert db_session.query(Comment).count() == number


@pytest.mark.parametrize("closed", ["page", "flood"])
def test_a_retry_on_a_closed_thread_gets_the_first_response(hanako: Reader, db_session: Session, closed: str) -> None:
    site = a_site(db_session, flood_per_address=1)
    assert hanako.post("in time").status_code == 201
    if closed == "page":
        db_session.execute(update(Thread).values(state="closed"))
        site.flood_per_address = 0
    db_session.commit()
    assert hanako.post("in time").status_code == 201
    assert hanako.post("too late").status_code == (403 if closed == "page" else 429)
    assert db_session.query(Comment).count() == 1


def test_the_same_words_from_two_people_are_two_comments(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session)
    for name in ("Hanako", "Taro"):
        assert Reader(client, name, f"{name}@readers.example").post("賛成").status_code == 201
    assert db_session.query(Comment).count() == 2


def test_a_guessed_author_gets_no_token_for_another_authors_comment(
    hanako: Reader, db_session: Session, app: Flask
) -> None:
    a_site(db_session)
    hanako.post("mine")
    thief = Reader(app.test_client(), hanako.name, hanako.email)
    answer = thief.post("mine")
    assert answer.status_code == 201
    assert not thief.token and not thief.author


def test_a_typed_name_and_address_carry_no_trust(hanako: Reader, db_session: Session, app: Flask) -> None:
    a_site(db_session, approvals_needed=1)
    assert hanako.post("my first").status_code == 202
    move(db_session, the_comment(db_session, "my first"), Status.APPROVED)
    assert hanako.post("my second").status_code == 201
    forger = Reader(app.test_client(), hanako.name, hanako.email)
    assert forger.post("not hers").status_code == 202


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("body", "   \n "),
        ("body", "あ" * 20_001),
        ("name", ""),
        ("name", "あ" * 81),
        ("email", ""),
        ("email", "nobody"),
        ("website", "javascript:alert(1)"),
        ("parent", "999999"),
    ],
)
def test_a_mistake_keeps_all_that_was_typed(hanako: Reader, db_session: Session, field: str, value: str) -> None:
    a_site(db_session)
    typed = {"body": "a long thought", "name": "Typed Name", "email": "typed@readers.example"} | {field: value}
    answer = hanako.client.post("/embed/comments", data=hanako.fields(**typed))
    assert answer.status_code == 422
    for other in {"a long thought", "Typed Name", "typed@readers.example"} & set(typed.values()):
        assert other in answer.text
    assert 'role="alert"' in answer.text
    assert db_session.query(Comment).count() == 0


def test_lengths_count_what_a_person_sees(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    assert hanako.post("family", name="👩‍👩‍👧‍👦" * 11).status_code == 201
    assert hanako.post("賛").status_code == 201
    assert hanako.post("あ" * 20_000).status_code == 201


def test_a_flood_gets_429_and_loses_no_comment(hanako: Reader, db_session: Session) -> None:
    a_site(db_session, flood_per_author=2)
    hanako.post("one"), hanako.post("two")
    answer = hanako.post("three")
    assert answer.status_code == 429 and answer.headers["Retry-After"]
    assert "three" in answer.text
    assert db_session.query(Comment).count() == 2


def test_a_reply_to_a_hidden_comment_is_refused(hanako: Reader, db_session: Session) -> None:
    a_site(db_session, hold_all=True)
    hanako.post("waiting")
    parent = the_comment(db_session, "waiting")
    assert hanako.post("reply", parent=parent.id).status_code == 422


def test_a_closed_thread_takes_nothing(hanako: Reader, db_session: Session) -> None:
    site = a_site(db_session)
    hanako.post("open")
    site.open = False
    db_session.commit()
    assert hanako.post("closed").status_code == 403
    assert "closed" in hanako.get_thread().text and "<textarea" not in hanako.get_thread().text


def test_pages_of_other_sites_and_other_origins_are_refused(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    assert hanako.post("x", url="https://elsewhere.example/story").status_code == 422
    assert hanako.post("x", headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert hanako.post("x", headers={"Origin": "null"}).status_code == 403
    assert hanako.post("x", site="nosuch").status_code == 404
    assert hanako.post("x", headers={"Origin": "https://paper.example"}).status_code == 201


def test_a_filled_honeypot_is_spam_without_a_message(hanako: Reader, db_session: Session) -> None:
    a_site(db_session)
    answer = hanako.post("buy", subject="http://spam.example")
    assert answer.status_code == 202 and "コメントを受け付けました。承認後に公開されます。" in answer.text
    assert the_comment(db_session, "buy").status == Status.SPAM


def test_every_first_decision_is_remembered_with_its_reasons(hanako: Reader, db_session: Session) -> None:
    a_site(db_session, hold_all=True, max_links=2)
    hanako.post("https://a.example https://b.example")
    decision = db_session.query(Decision).one()
    assert (decision.actor, decision.to_status) == ("screening", "pending")
    assert [reason["check"] for reason in decision.comment.reasons] == ["links", "hold_all"]


def test_without_a_script_the_answer_is_the_page_with_ones_own_comment(hanako: Reader, db_session: Session) -> None:
    a_site(db_session, hold_all=True)
    answer = hanako.post("no script", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    page = hanako.client.get(answer.location)
    assert "no script" in page.text and "コメントを受け付けました。承認後に公開されます。" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert "no script" not in hanako.client.get("/thread", query_string={"site": "paper", "url": PAGE}).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_only_the_insert_takes_sqlites_lock(hanako: Reader, db_session: Session, app: Flask) -> None:
    """The lock is taken once; reading, screening and rendering happen outside it."""
    a_site(db_session)
    taken: list[str] = []
    with app.app_context():
        event.listen(db.engine, "checkout", lambda raw, *_: raw.set_trace_callback(taken.append))
    assert hanako.post("stored").status_code == 201
    assert taken.count("BEGIN IMMEDIATE") == 1
    locked_from = taken.index("BEGIN IMMEDIATE")
    before, locked = taken[:locked_from], taken[locked_from : taken.index("COMMIT", locked_from)]
    assert [each for each in locked if each.startswith("INSERT INTO comment")]
    assert [each for each in locked if each.startswith("UPDATE thread")]
    assert not [each for each in before if "INSERT" in each]
    assert not [each for each in locked if "knowledge" in each], "the lock is not held during the checks"
    db_session.execute(text("SELECT 1"))  # from here the test's transaction has the lock
    assert hanako.post("").status_code == 422
    assert hanako.client.post("/embed/own", data=hanako.fields(token=hanako.token)).status_code == 200
    assert hanako.client.post("/embed/preview", data=hanako.fields(body="looks")).status_code == 200
    db_session.rollback()


@pytest.mark.parametrize("known", [False, True])
def test_a_comment_costs_few_statements(
    hanako: Reader, db_session: Session, app: Flask, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Queries: the thread, recent requests and comments, bursts, the thread again under the lock, the author, and
    their earlier comments, and the site's checkers; at the end, whether the page has subscribers and the site
    webhooks; then the entry of the decision in its chain."""
    monkeypatch.setattr(filters, "CACHE_SECONDS", 60.0)
    a_site(db_session, flood_per_author=6, flood_per_address=30, flood_per_site=1000)
    hanako.post("the first makes the thread")
    hanako.post("with the next one it is stored who is trusted")
    author = hanako if known else Reader(app.test_client())
    with app.app_context(), recorded(db.engine) as asked:
        assert author.post("the third").status_code == 201
    writes = ["INSERT", "INSERT", "UPDATE"] if known else ["INSERT", "INSERT", "INSERT", "UPDATE"]
    entry = ["UPDATE", "INSERT"] if db_session.get_bind().dialect.name == "sqlite" else ["WITH"]
    assert [each.split()[0] for each in asked] == ["SELECT"] * (9 if known else 6) + writes + ["SELECT"] * 2 + entry


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_lock_timeout_on_sqlite_gives_503(
    hanako: Reader, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_site(db_session)
    monkeypatch.setattr(connections, "SQLITE_BUSY_MS", 50)
    db_session.execute(text("SELECT 1"))  # from here the test's transaction has the lock
    answer = hanako.post("too early")
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    db_session.rollback()
    assert hanako.post("too early").status_code == 201
