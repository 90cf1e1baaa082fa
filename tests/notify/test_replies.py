"""Emails about new comments: chosen in the form, one an hour for a page, unsubscribed with one click."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.comments import person, person_erasure, person_export
from app.extensions import db
from app.lib.clock import now
from app.models import Announcement, Author, Comment, Delivery, Site, Status, Subscription
from app.moderation.decide import decide, undo
from app.notify import authors, outbox, replies, reply_email
from app.transfer import moves
from bench import service
from tests.cast import PAGE, Reader, a_moderator, a_site, the_comment
from tests.services import MailServer, ReceivedEmail
from tests.test_plans import whole_tables

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HANAKO, TARO, CAROL = "hanako@readers.example", "taro@readers.example", "carol@readers.example"
Mails = Callable[[], list[ReceivedEmail]]


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def hanako(app: Flask, paper: Site) -> Reader:
    return Reader(app.test_client())


@pytest.fixture
def taro(app: Flask, paper: Site) -> Reader:
    return Reader(app.test_client(), "Taro", TARO)


@pytest.fixture
def mails(smtp: MailServer, db_session: Session) -> Mails:
    """Run the worker's deliveries that are due; return all emails about new comments."""

    def sent() -> list[ReceivedEmail]:
        while outbox.run_once(replies.carriers()) or outbox.run_once():
            pass
        found = [each for each in smtp.emails if not each.subject.startswith("Confirm")]
        return [each for each in found if "moderators.example" not in each.message["To"]]

    return sent


def posts(reader: Reader, body: str, notify: str = "", **more: str) -> int:
    answer = reader.post(body, notify=notify, lang="en", **more)
    assert answer.status_code in (201, 202)
    return int(re.findall(r'data-id="(\d+)"', answer.text)[0])


def subscribed(db_session: Session, reader: Reader, notify: str, body: str = "First!") -> int:
    """Post and confirm the address."""
    id = posts(reader, body, notify)
    authors.confirm(db_session.get_one(Comment, id).author)
    db_session.commit()
    return id


def hours_pass(db_session: Session, hours: int = 1) -> None:
    """Every email was sent so much earlier, and what waits is due."""
    for each in db_session.query(Subscription):
        each.told_at = each.told_at - timedelta(hours=hours) if each.told_at else None
    db_session.execute(update(Delivery).where(Delivery.done_at.is_(None)).values(due_at=now()))
    db_session.commit()


def link(received: ReceivedEmail, path: str, at: int = 0) -> str:
    return re.findall(rf"http://localhost(/{path}/\S+)", received.text)[at]


def one_click(received: ReceivedEmail) -> str:
    return str(received.message["List-Unsubscribe"]).strip("<>").removeprefix("http://localhost")


def test_a_reply_is_emailed_to_the_author_who_asked(
    hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    first = subscribed(db_session, hanako, "replies")
    posts(taro, "I **agree** with you.", parent=str(first))
    posts(taro, "Another topic.")
    (received,) = mails()
    assert received.to == [HANAKO]
    assert received.subject == f"New reply to your comment: {PAGE}"
    assert str(received.message["From"]).startswith("Paper <")
    assert "Taro\r\n> I agree with you.\r\n" in received.text and "Another topic" not in received.text
    html = received.message.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert '<meta name="color-scheme" content="light dark">' in html and "prefers-color-scheme:dark" in html
    assert TARO not in received.message.as_string()


@ONE_DATABASE
def test_the_unsubscribe_header_is_one_plain_line(
    hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    first = subscribed(db_session, hanako, "replies")
    posts(taro, "Yes.", parent=str(first))
    (received,) = mails()
    lines = [line for line in received.raw.split(b"\r\n") if line.startswith(b"List-Unsubscribe")]
    assert re.fullmatch(rb"List-Unsubscribe: <http://localhost/mail/unfollow/[\w.-]+>", lines[0])
    assert lines[1] == b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"


@ONE_DATABASE
def test_the_form_offers_one_choice_and_takes_the_old_checkbox(
    hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    options = re.findall(r'<option[^>]* value="(\w*)">', hanako.get_thread().text)
    assert options == ["", "review", "replies", "page"]
    first = subscribed(db_session, hanako, "y")
    assert db_session.get_one(Comment, first).notify and not db_session.query(Subscription).count()
    db_session.rollback()
    posts(taro, "Yes.", parent=str(first))
    assert mails() == []


@ONE_DATABASE
def test_a_subscriber_to_the_page_gets_all_but_own_comments(
    app: Flask, hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    first = subscribed(db_session, hanako, "page")
    posts(hanako, "Mine again", parent=str(first))
    posts(Reader(app.test_client(), "Other", HANAKO.upper()), "With my address")
    posts(taro, "New to me")
    (received,) = mails()
    assert received.subject == f"New comment: {PAGE}"
    assert "New to me" in received.text and "Mine again" not in received.text
    assert "With my address" not in received.text


@ONE_DATABASE
def test_the_language_is_the_readers(hanako: Reader, taro: Reader, mails: Mails, db_session: Session) -> None:
    assert hanako.post("日本語で", notify="page", lang="ja").status_code == 201
    authors.confirm(the_comment(db_session, "日本語で").author)
    db_session.commit()
    posts(taro, "Hello")
    assert mails()[-1].subject == f"新しいコメント 1 件：{PAGE}"


def test_one_email_an_hour_tells_of_all_that_came(
    hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    subscribed(db_session, hanako, "page")
    posts(taro, "number 0")
    assert len(mails()) == 1
    for number in range(1, 14):
        posts(taro, f"number {number}.")
    assert len(mails()) == 1
    hours_pass(db_session)
    received = mails()[-1]
    assert received.subject == f"13 new comments: {PAGE}"
    assert "number 1." in received.text and "number 10." in received.text
    assert "number 11." not in received.text and "And 3 more" in received.text and "number 0" not in received.text
    hours_pass(db_session)
    assert len(mails()) == 2


@ONE_DATABASE
def test_two_authors_with_one_address_get_one_email(
    app: Flask, hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    subscribed(db_session, hanako, "page")
    subscribed(db_session, Reader(app.test_client(), "Hana", HANAKO), "page", "Second browser")
    posts(taro, "Hello")
    assert len(mails()) == 1
    hours_pass(db_session)
    assert len(mails()) == 1


@ONE_DATABASE
def test_an_address_gets_ten_emails_a_day(
    hanako: Reader, taro: Reader, mails: Mails, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply_email, "MOST_A_DAY", 2)
    for number in range(3):
        hanako.url = taro.url = f"{PAGE}/{number}"
        subscribed(db_session, hanako, "page", f"on page {number}")
        posts(taro, f"news of page {number}")
    assert len(mails()) == 2
    db_session.execute(update(Delivery).where(Delivery.done_at.is_not(None)).values(done_at=now() - timedelta(days=1)))
    hours_pass(db_session)
    assert len(mails()) == 3


@ONE_DATABASE
def test_nothing_goes_to_an_unconfirmed_address(
    app: Flask, taro: Reader, smtp: MailServer, mails: Mails, db_session: Session
) -> None:
    bomber = Reader(app.test_client(), "Bomber", "victim@elsewhere.example")
    for number in range(3):
        bomber.author = ""
        posts(bomber, f"for a stranger {number}", "page")
    posts(taro, "Hello")
    assert mails() == [] and len(smtp.to("victim@elsewhere.example")) == authors.MAX_CONFIRMATIONS_A_DAY


@ONE_DATABASE
def test_a_late_confirmation_brings_the_comments_since(
    hanako: Reader, taro: Reader, smtp: MailServer, mails: Mails, db_session: Session
) -> None:
    posts(taro, "Before it")
    posts(hanako, "First!", "page")
    posts(taro, "After it")
    assert mails() == []
    path = link(smtp.to(HANAKO)[0], "mail/confirm")
    token = re.findall(r'csrf_token" value="([^"]+)', hanako.client.get(path).text)[0]
    assert hanako.client.post(path, data={"csrf_token": token}).status_code == 303
    (received,) = mails()
    assert "After it" in received.text and "Before it" not in received.text


def test_an_undone_approval_sends_nothing_and_a_second_one_sends_once(
    hanako: Reader, taro: Reader, paper: Site, mails: Mails, db_session: Session
) -> None:
    subscribed(db_session, hanako, "page")
    alice = a_moderator(db_session, paper)
    paper.hold_all = True
    db_session.commit()
    posts(taro, "Held")

    def approve() -> None:
        comment = the_comment(db_session, "Held")
        decision = decide(comment, Status.APPROVED, seen=comment.version, by=alice)
        db_session.commit()
        decisions.append(decision)

    decisions: list = []
    approve()
    undo(decisions[-1], by=alice)
    db_session.commit()
    assert mails() == []
    approve()
    assert len(mails()) == 1
    undo(decisions[-1], by=alice)
    db_session.commit()
    approve()
    hours_pass(db_session)
    assert len(mails()) == 1


@ONE_DATABASE
def test_it_waits_for_the_undo_window(
    app: Flask, hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    app.config["UNDO_WINDOW"] = 60
    subscribed(db_session, hanako, "page")
    posts(taro, "Hello")
    hours_pass(db_session)
    assert mails() == [] and db_session.query(Announcement).count() == 0
    app.config["UNDO_WINDOW"] = 0
    hours_pass(db_session)
    assert len(mails()) == 1


@ONE_DATABASE
@pytest.mark.parametrize("status", [Status.REJECTED, Status.SPAM, Status.DELETED])
def test_a_comment_that_is_no_longer_public_is_left_out(
    hanako: Reader, taro: Reader, paper: Site, mails: Mails, db_session: Session, status: Status
) -> None:
    subscribed(db_session, hanako, "page")
    posts(taro, "Sold out")
    while outbox.run_once(replies.carriers()):
        pass
    assert db_session.query(Announcement).count() == 1
    comment = the_comment(db_session, "Sold out")
    decide(comment, status, seen=comment.version, by=a_moderator(db_session, paper))
    db_session.commit()
    assert mails() == []


@ONE_DATABASE
def test_a_hidden_page_sends_nothing(hanako: Reader, taro: Reader, mails: Mails, db_session: Session) -> None:
    first = subscribed(db_session, hanako, "page")
    posts(taro, "Hello")
    db_session.get_one(Comment, first).thread.state = "hidden"
    db_session.commit()
    assert mails() == []


def test_each_link_ends_what_it_names(
    app: Flask, hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    first = subscribed(db_session, hanako, "replies")
    posts(taro, "one.", parent=str(first))
    (received,) = mails()
    for_comment, for_page = link(received, "mail/unfollow"), link(received, "mail/unfollow", 1)
    assert one_click(received) == for_page
    visitor = app.test_client()

    def told(body: str) -> bool:
        hours_pass(db_session)
        posts(taro, body, parent=str(first))
        return body in "".join(each.text for each in mails())

    for path, again in ((for_comment, True), (for_page, True), (link(received, "mail/stop"), False)):
        assert visitor.get(path).status_code == 200
        db_session.rollback()
        assert told(f"still {path[-9:]}"), "opening a link changes nothing"
        assert visitor.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 303
        assert visitor.get(path).status_code == 200
        assert not told(f"after {path[-9:]}")
        if again:
            assert visitor.post(path, data={"again": "1"}).status_code == 303
            assert told(f"again {path[-9:]}")


@ONE_DATABASE
def test_a_changed_unsubscribe_link_ends_nothing(
    app: Flask, hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    first = subscribed(db_session, hanako, "replies")
    posts(taro, "one.", parent=str(first))
    token = one_click(mails()[0]).rpartition("/")[2]
    visitor = app.test_client()
    for at in range(0, len(token) - 1, 5):
        other = "A" if token[at] != "A" else "B"
        assert visitor.post(f"/mail/unfollow/{token[:at]}{other}{token[at + 1 :]}").status_code == 410
    for path in (f"/mail/stop/{token}", f"/comment/{token}/withdraw"):
        assert visitor.post(path).status_code == 410
    db_session.rollback()
    assert all(each.ended_at is None for each in db_session.query(Subscription))


def test_subscriptions_go_along_when_pages_are_merged(
    hanako: Reader, taro: Reader, paper: Site, mails: Mails, db_session: Session
) -> None:
    subscribed(db_session, hanako, "page")
    hanako.url = taro.url = f"{PAGE}/new"
    subscribed(db_session, hanako, "replies", "On the other page")
    hanako.url = PAGE
    posts(Reader(hanako.client, "Carol", CAROL), "Before the merge")
    while outbox.run_once(replies.carriers()):
        pass
    assert [each.outcome for each in moves.remap(paper, [(PAGE, f"{PAGE}/new")])] == ["merged"]
    db_session.commit()
    (kept,) = db_session.query(Subscription)
    assert kept.everything
    db_session.rollback()
    posts(taro, "After the merge")
    (received,) = mails()
    assert "Before the merge" in received.text and "After the merge" in received.text


@ONE_DATABASE
def test_erasing_a_person_ends_everything_and_the_export_tells_it(
    hanako: Reader, taro: Reader, mails: Mails, db_session: Session
) -> None:
    first = subscribed(db_session, hanako, "page")
    (told,) = person_export.export(person.find(HANAKO))["subscriptions"]
    assert (told["site"], told["page"], told["about"], told["until"]) == ("paper", PAGE, "all comments", None)
    db_session.rollback()
    posts(taro, "Hello", parent=str(first))
    while outbox.run_once(replies.carriers()):
        pass
    receipt = person_erasure.Receipt()
    for _step in person_erasure.erase(person.find(HANAKO), receipt, remove_text=False):
        db_session.commit()
    assert receipt.subscriptions == 1 and mails() == []
    assert db_session.query(Subscription).count() == 0


@ONE_DATABASE
def test_publishing_costs_one_row_whatever_the_number_of_subscribers(
    app: Flask, hanako: Reader, taro: Reader, db_session: Session
) -> None:
    posts(taro, "Opening")

    def statements(body: str) -> list[str]:
        with service.recorded_statements(app) as asked:
            posts(taro, body)
        told = [query for query, _given in asked if re.search("delivery|subscription|announcement", query)]
        return [query.split()[0] for query in told]

    assert statements("without subscribers") == ["SELECT"]
    subscribed(db_session, hanako, "page")
    assert statements("with one") == ["SELECT", "INSERT"]
    crowd(db_session, 50)
    assert statements("with many") == ["SELECT", "INSERT"]
    assert db_session.query(Delivery).filter_by(kind=reply_email.KIND).count() == 0


def crowd(db_session: Session, count: int) -> None:
    """So many confirmed subscribers to the page."""
    thread = db_session.query(Comment).first().thread  # type: ignore[union-attr]
    for number in range(count):
        author = Author(site=thread.site, name=f"r{number}", email=f"r{number}@crowd.example")
        author.email_index = author.confirmed_index = Author.index_of(thread.site, author.email)
        db_session.add(author)
        db_session.flush()
        db_session.add(Subscription(site_id=thread.site_id, thread_id=thread.id, author_id=author.id, everything=True))
    db_session.commit()


def test_many_subscribers_are_told_in_batches_that_hold_up_nothing(
    app: Flask, taro: Reader, smtp: MailServer, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replies, "BATCH", 4)
    posts(taro, "Opening")
    crowd(db_session, 9)
    posts(taro, "Hello")
    waiting = db_session.query(Delivery).filter_by(kind=reply_email.KIND)
    counts = []
    while outbox.run_once(replies.carriers()):
        counts.append(waiting.count())
        db_session.rollback()
    assert counts == [0, 4, 8, 9]
    posts(Reader(app.test_client(), "Dora", "dora@readers.example"), "Later", "review")
    assert outbox.run_once(outbox.prompt_carriers())
    assert [each.to for each in smtp.emails] == [["dora@readers.example"]]
    assert not outbox.run_once(outbox.prompt_carriers())
    while outbox.run_once():
        pass
    assert len({each.to[0] for each in smtp.emails}) == 10


@ONE_DATABASE
def test_the_worker_reads_no_whole_table(
    app: Flask, hanako: Reader, taro: Reader, mails: Mails, paper: Site, db_session: Session
) -> None:
    first = subscribed(db_session, hanako, "replies")
    crowd(db_session, 3)
    posts(taro, "Hello", parent=str(first))
    with service.recorded_statements(app) as asked:
        assert len(mails()) == 4
        moves.remap(paper, [(PAGE, f"{PAGE}/new")])
        db.session.commit()
    steps = [step for query, given in asked for step in whole_tables(query, given)]
    assert any("announcement" in query for query, _given in asked) and not steps


@ONE_DATABASE
def test_an_archive_keeps_subscriptions(hanako: Reader, app: Flask, db_session: Session) -> None:
    subscribed(db_session, hanako, "page")
    done = app.test_cli_runner().invoke(args=["export", "--site", "paper"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    (row,) = [row for row in rows if row.get("type") == "subscription"]
    assert row["everything"] is True and row["ended_at"] is None and "told_id" not in row


@ONE_DATABASE
def test_nothing_of_a_removed_author_is_left_in_the_outbox_payloads(
    hanako: Reader, taro: Reader, db_session: Session
) -> None:
    subscribed(db_session, hanako, "page")
    posts(taro, "Hello")
    while outbox.run_once(replies.carriers()):
        pass
    stored = str(db_session.execute(text("SELECT * FROM delivery")).all())
    assert HANAKO not in stored and "Hello" not in stored
