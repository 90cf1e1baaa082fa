"""What the queue tells of each comment, in order, in pages, for a fixed price."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import Author, Comment, Moderator, Revision, Site, Status, Thread
from app.moderation import queue
from app.moderation.decide import decide
from tests.cast import a_moderator, a_site


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session)


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper)


def thread_of(db_session: Session, site: Site) -> Thread:
    thread = Thread(site=site, key=f"{site.key}.example/", url=f"https://{site.key}.example/", title="Ferry")
    db_session.add(thread)
    return thread


def written(db_session: Session, thread: Thread, body: str, **more) -> Comment:
    author = more.pop("author", None) or Author(site=thread.site, name="Hanako")
    comment = Comment(
        site=thread.site, thread=thread, author=author, name="Hanako",
        body=body, html=f"<p>{body}</p>", renderer=1, **more,
    )  # fmt: skip
    db_session.add(comment)
    db_session.flush()
    comment.attach(more.get("parent"), thread.site.max_depth)
    db_session.commit()
    return comment


@contextmanager
def counted() -> Iterator[list[str]]:
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield asked
    event.remove(db.engine, "before_cursor_execute", note)


def bodies(page: queue.Page) -> list[str]:
    return [card.comment.body for card in page.cards]


def test_a_card_tells_the_authors_record_and_what_else_is_like_it(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    thread, other = thread_of(db_session, paper), thread_of(db_session, a_site(db_session, "other"))
    author = Author(site=paper, name="Hanako")
    same = {"address": "192.0.2.0/24", "address_index": "net"}
    parent = written(db_session, thread, "Where does it land?", **same)
    comment = written(db_session, thread, "Over there", author=author, parent=parent,
                      reasons=[{"check": "links", "verdict": "hold", "count": 2}], **same)  # fmt: skip
    again = written(db_session, thread, "Over there", author=author)
    written(db_session, other, "Over there", **same)
    decide(again, Status.SPAM, seen=again.version, by=alice)
    db_session.add(Revision(comment_id=comment.id, body="Before", html="<p>Before</p>"))
    db_session.commit()
    card = queue.card_of(comment)
    assert card.record == {"pending": 1, "spam": 1}
    assert (card.same_text, card.same_address) == (1, 1)
    assert "Where does it land?" in card.parent_text
    assert len(card.reasons) == 1 and "2" in card.reasons[0]
    assert [revision.body for revision in card.revisions] == ["Before"]
    assert queue.card_of(again).decision.moderator == alice
    assert queue.card_of(again).same_address == 0


def test_what_waits_longest_comes_first_and_what_was_decided_last_too(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    thread = thread_of(db_session, paper)
    for body in ("one", "two", "three", "four"):
        comment = written(db_session, thread, body)
        if body in ("three", "four"):
            decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    db_session.commit()
    page = queue.waiting_for(alice)
    assert bodies(page) == ["one", "two"]
    assert page.counts == {"pending": 2, "approved": 2}
    assert bodies(queue.waiting_for(alice, Status.APPROVED)) == ["four", "three"]


@pytest.mark.parametrize("status", [Status.PENDING, Status.REJECTED])
def test_pages_show_everything_once(
    db_session: Session, paper: Site, alice: Moderator, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PAGE", 3)
    thread = thread_of(db_session, paper)
    for number in range(7):
        written(db_session, thread, str(number), status=status)
    seen, after, pages = [], None, 0
    while pages == 0 or after:
        page = queue.waiting_for(alice, status, after)
        seen, after, pages = seen + bodies(page), page.after, pages + 1
    assert pages == 3
    assert seen == sorted("0123456", reverse=status != Status.PENDING)


def test_another_sites_comments_are_neither_shown_nor_counted(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    other = a_site(db_session, "other")
    written(db_session, thread_of(db_session, other), "theirs")
    assert (queue.waiting_for(alice).cards, queue.waiting_for(alice).counts) == ([], {})
    assert bodies(queue.waiting_for(a_moderator(db_session, other, "bob"))) == ["theirs"]


def test_a_full_page_costs_as_many_questions_as_a_page_of_one(
    app: Flask, db_session: Session, paper: Site, alice: Moderator
) -> None:
    thread = thread_of(db_session, paper)
    prices, number = [], 0
    for size in (1, queue.PAGE + 1):
        while number < size:
            written(db_session, thread, str(number), address_index=str(number), address="192.0.2.0/24")
            number += 1
        db_session.expire_all()
        assert alice.site_ids
        with counted() as asked:
            page = queue.waiting_for(alice)
            shown = [(card.comment.thread.site.name, card.comment.author.name) for card in page.cards]
        prices.append(len(asked))
    assert len(shown) == queue.PAGE
    assert prices[0] == prices[1] <= 8
