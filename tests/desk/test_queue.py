"""Pending comments are assigned lane by lane, in order, to one moderator at a time; counters stay exact."""

from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app.database import new_ids
from app.desk import queue
from app.extensions import db
from app.lib.clock import now
from app.models import Author, Comment, Lease, Moderator, Site, Snooze, Status, Thread
from app.moderation.decide import decide
from app.moderation.lanes import Lane
from tests.cast import a_moderator, a_site
from tests.statements import recorded


def thread_of(db_session: Session, site: Site, name: str = "") -> Thread:
    thread = Thread(
        site=site, key=f"{site.key}.example/{name}", url=f"https://{site.key}.example/{name}", title="Ferry"
    )
    db_session.add(thread)
    return thread


def written(db_session: Session, thread: Thread, body: str, **more) -> Comment:
    author = more.pop("author", None) or Author(site=thread.site, name="Hanako")
    given = {"lane": Lane.REVIEW if more.get("status", Status.PENDING) == Status.PENDING else Lane.NONE} | more
    comment = Comment(
        site=thread.site, thread=thread, author=author, name="Hanako",
        body=body, html=f"<p>{body}</p>", renderer=1, **given,
    )  # fmt: skip
    db_session.flush()
    comment.attach(thread, more.get("parent"), thread.site.max_depth)
    comment.number(*new_ids(Comment, 1))
    db_session.add(comment)
    db_session.commit()
    return comment


def bodies(page: queue.Page) -> list[str]:
    return [card.comment.body for card in page.cards]


def looks(moderator: Moderator, lane: int = queue.ALL, after: str = "") -> queue.Page:
    """The moderator's cards, with the leases that the route takes."""
    ids = queue.ids_in(moderator, lane, after)
    Lease.take(ids[: queue.PAGE], moderator)
    return queue.page_of(moderator, lane, ids)


def everything(moderator: Moderator, lane: int = queue.ALL) -> list[str]:
    """All pages, one after the other."""
    seen, after = [], ""
    while True:
        page = looks(moderator, lane, after)
        seen += bodies(page)
        if not (after := page.after):
            return seen


def test_urgent_first_then_article_by_article_copies_together_oldest_first(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PAGE", 3)
    ferry, bell = thread_of(db_session, paper, "ferry"), thread_of(db_session, paper, "bell")
    db_session.flush()
    for thread, body, cluster, lane in (
        (ferry, "f1", "", 2), (bell, "b1", "bbbb", 2), (ferry, "f2", "aaaa", 2), (bell, "b2", "aaaa", 2),
        (bell, "b3", "bbbb", 2), (ferry, "f3", "", 2), (bell, "urgent", "", 1), (ferry, "fine", "", 3),
    ):  # fmt: skip
        written(db_session, thread, body, cluster=cluster, lane=lane)
    order = ["f1", "f3", "f2", "b2", "b1", "b3"]
    assert everything(alice, Lane.REVIEW) == order
    assert everything(alice) == ["urgent", *order, "fine"]


def test_several_sites_are_walked_one_after_the_other_without_a_gap(
    db_session: Session, alice: Moderator, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PAGE", 2)
    other = a_site(db_session, "other")
    both = a_moderator(db_session, paper, "both")
    both.memberships.append(type(both.memberships[0])(site=other))
    db_session.commit()
    for site in (paper, other):
        thread = thread_of(db_session, site)
        for number in range(5):
            written(db_session, thread, f"{site.key}{number}")
    expected = [f"{site}{number}" for site in ("paper", "other") for number in range(5)]
    assert everything(both, Lane.REVIEW) == everything(both) == expected
    assert everything(alice) == []  # all five are leased to the other moderator


def test_counts_are_those_of_the_table_whatever_happens(db_session: Session, paper: Site, alice: Moderator) -> None:
    thread = thread_of(db_session, paper)
    comments = [written(db_session, thread, str(number), lane=1 + number % 4) for number in range(8)]
    assert queue.counts(alice) == {1: 2, 2: 2, 3: 2, 4: 2, 5: 8}
    decide(comments[0], Status.APPROVED, seen=comments[0].version, by=alice)
    assert queue.counts(alice) == {1: 1, 2: 2, 3: 2, 4: 2, 5: 7}


def test_decided_comments_are_listed_newest_first(db_session: Session, paper: Site, alice: Moderator) -> None:
    thread = thread_of(db_session, paper)
    for body in ("one", "two"):
        written(db_session, thread, body, status=Status.REJECTED)
    assert bodies(queue.decided(alice, Status.REJECTED)) == ["two", "one"]


def test_another_sites_comments_are_neither_shown_nor_counted(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    other = a_site(db_session, "other")
    written(db_session, thread_of(db_session, other), "theirs")
    assert everything(alice) == [] and queue.counts(alice)[queue.ALL] == 0
    assert everything(a_moderator(db_session, other, "bob")) == ["theirs"]


def test_two_moderators_are_handed_different_cards_until_the_lease_ends(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PAGE", 2)
    bob, thread = a_moderator(db_session, paper, "bob"), thread_of(db_session, paper)
    for number in range(4):
        written(db_session, thread, str(number))
    assert bodies(looks(alice)) == ["0", "1"]
    page = looks(bob)
    assert bodies(page) == ["2", "3"] and page.reviewing == {"Alice": 2}
    assert queue.ids_in(bob, queue.ALL)[:2] == queue.ids_with_others(alice, queue.ALL)
    db_session.execute(update(Lease).values(until=now() - timedelta(seconds=1)))
    assert bodies(looks(bob)) == ["0", "1"]
    assert bodies(looks(alice)) == ["2", "3"]


def test_an_active_lease_cannot_be_taken_over(db_session: Session, paper: Site, alice: Moderator) -> None:
    bob = a_moderator(db_session, paper, "bob")
    comment = written(db_session, thread_of(db_session, paper), "once")
    assert Lease.take([comment.id], alice) == {comment.id}
    assert Lease.take([comment.id], bob) == set()
    assert Lease.take([comment.id], alice) == {comment.id}
    Lease.release([comment.id], bob)
    assert Lease.take([comment.id], bob) == set()
    Lease.release([comment.id], alice)
    assert Lease.take([comment.id], bob) == {comment.id}


def test_snooze_affects_the_moderators_own_queue_only(db_session: Session, paper: Site, alice: Moderator) -> None:
    bob = a_moderator(db_session, paper, "bob")
    comment = written(db_session, thread_of(db_session, paper), "later")
    Snooze.begin(comment, alice)
    db_session.commit()
    assert queue.ids_in(alice, queue.ALL) == [] and queue.page_of(alice, queue.ALL, []).snoozed == 1
    assert queue.ids_in(alice, queue.ALL, snoozed=True) == queue.ids_in(bob, queue.ALL) == [comment.id]
    Snooze.end(comment, alice)
    assert queue.ids_in(alice, queue.ALL) == [comment.id]


def test_a_full_page_costs_as_many_questions_as_a_page_of_one(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    thread = thread_of(db_session, paper)
    prices, number = [], 0
    for size in (1, queue.PAGE + 1):
        while number < size:
            written(db_session, thread, str(number), address_index=str(number), address="192.0.2.0/24")
            number += 1
        db_session.expire_all()
        assert alice.site_ids
        with recorded(db.engine) as asked:
            page = looks(alice)
            shown = [(card.comment.thread.site.name, card.comment.author.name) for card in page.cards]
        prices.append(len(asked))
    assert len(shown) == queue.PAGE
    assert prices[0] == prices[1] <= 17


@pytest.mark.parametrize("lane", [Lane.REVIEW, queue.ALL])
def test_a_lane_is_read_from_its_index_in_order(db_session: Session, paper: Site, alice: Moderator, lane: int) -> None:
    """No sort. PostgreSQL plans by size: `python -m bench.routes --plans` prints those."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("a plan of an empty table says nothing on PostgreSQL")
    with recorded(db.engine) as asked:
        queue.ids_in(alice, lane, "1.2.3.abc.5")
    plan = db_session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1]}", (1,) * asked[-1].count("?"))
    told = [row[3] for row in plan]
    assert any("ix_comment_lane" in line for line in told)
    assert not any("TEMP B-TREE" in line for line in told), told


def test_a_comment_leased_between_the_two_queries_of_a_page_has_one_card(db_session: Session) -> None:
    site = a_site(db_session)
    alice, bob = a_moderator(db_session, site), a_moderator(db_session, site, "bob")
    comment = written(db_session, thread_of(db_session, site), "contested")
    ids = queue.ids_in(alice, queue.ALL)
    Lease.take([comment.id], bob)
    page = queue.page_of(alice, queue.ALL, ids, with_others=queue.ids_with_others(alice, queue.ALL))
    assert bodies(page) == ["contested"]


def test_moderators_with_one_name_are_counted_together(db_session: Session, paper: Site, alice: Moderator) -> None:
    bob, other, thread = (
        a_moderator(db_session, paper, "bob"),
        a_moderator(db_session, paper, "carol"),
        thread_of(db_session, paper),
    )
    other.name = bob.name
    Lease.take([written(db_session, thread, str(number)).id for number in range(2)], bob)
    Lease.take([written(db_session, thread, "2").id], other)
    assert Lease.counts_of_others(alice) == {"Bob": 3}
