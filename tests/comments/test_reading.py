"""A thread renders completely, in order, with a fixed number of queries."""

import re
from itertools import chain, pairwise

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.comments import reading
from app.comments.shown import Shown
from app.comments.submit import Draft, submit
from app.extensions import db
from app.lib.urls import page_key
from app.models import Comment, Site, Status, Thread
from tests.cast import PAGE, Reader, a_site, move
from tests.statements import recorded


def a_thread(site: Site, url: str = PAGE) -> Thread:
    return Thread.obtain(site, key=page_key(url), url=url, title="Story")


def say(thread: Thread, body: str, parent: Comment | None = None) -> Comment:
    draft = Draft(body=body, name="Hanako", email="", website="", parent_id=parent.id if parent else None)
    return submit(thread, draft).comment


def all_pages(site: Site, thread: Thread, sort: str) -> list[Shown]:
    """All comments that a reader sees after every "more" link."""
    shown, after = [], ""
    while True:
        page = reading.page_of(site, thread, sort=sort, after=after)
        assert len(page.comments) <= site.page_size
        for each in page.comments:
            shown += [each, *further(site, thread, each.more)]
        if not page.next:
            return shown
        after = page.next


def further(site: Site, thread: Thread, more: str | None) -> list[Shown]:
    page = reading.page_of(site, thread, sort="oldest", after=more) if more else None
    return [*page.comments, *further(site, thread, page.comments[-1].more)] if page else []


# Each number is a comment's parent: 0 for none, n for the n-th comment before it, if it exists.
TREES = st.lists(st.integers(0, 6), min_size=1, max_size=25)


@pytest.mark.parametrize("sort", ["oldest", "newest", "helpful"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES)
def test_any_tree_is_shown_completely_and_in_order(db_session: Session, sort: str, tree: list[int]) -> None:
    site = db_session.query(Site).filter_by(key="tree").one_or_none()
    site = site or a_site(db_session, "tree", page_size=7, votes=True)
    thread = a_thread(site, f"{PAGE}/{sort}/{db_session.query(Thread).count()}")
    comments: list[Comment] = []
    for at, back in enumerate(tree):
        comments.append(say(thread, f"comment {at}", comments[-back] if 0 < back <= len(comments) else None))
        comments[-1].helpful = back % 3
    db_session.commit()
    shown = all_pages(site, thread, sort)
    assert sorted(each.id for each in shown) == [comment.id for comment in comments]
    assert all(each.depth <= site.max_depth for each in shown)
    assert all(later.depth <= earlier.depth + 1 for earlier, later in pairwise(shown))
    roots = [(each.helpful if sort == "helpful" else 0, each.id) for each in shown if each.depth == 0]
    assert roots == sorted(roots, reverse=sort != "oldest")
    for each in shown:
        if each.parent_id and each.depth < site.max_depth:
            before = [other for other in shown[: shown.index(each)] if other.depth < each.depth]
            assert before[-1].id == each.parent_id


def test_replies_below_the_deepest_level_join_it(db_session: Session) -> None:
    site = a_site(db_session, max_depth=2)
    thread, parent = a_thread(site), None
    for at in range(6):
        parent = say(thread, f"{at}", parent)
    db_session.commit()
    shown = all_pages(site, thread, "oldest")
    assert [each.depth for each in shown] == [0, 1, 2, 2, 2, 2]
    assert shown[5].parent_id == shown[4].id


def test_a_page_costs_the_same_queries_whatever_its_size(db_session: Session, client: FlaskClient, app: Flask) -> None:
    site = a_site(db_session)
    # Each process reads a site's own words once.
    Reader(client).get_thread()
    counts = []
    for size, answering in ((1, 2), (60, 2), (60, 1)):
        thread = a_thread(site, f"{PAGE}/{size}/{answering}")
        root = say(thread, "root")
        for at in range(size):
            say(thread, f"{at}", root if at % answering == 0 else None)
        db_session.commit()
        counts.append(queries_of(app, lambda url=thread.url: Reader(client, url=url).get_thread()))
    # A thread of several pages asks for its picks.
    assert counts == [2, 3, 3]


def queries_of(app: Flask, action) -> int:
    with app.app_context():
        engine = db.engine
    with recorded(engine) as statements:
        assert action().status_code == 200
    return len([each for each in statements if each.startswith("SELECT")])


@pytest.mark.parametrize("sort", ["oldest", "newest", "helpful"])
def test_the_link_to_a_comment_finds_its_page(db_session: Session, client: FlaskClient, sort: str) -> None:
    """With its parent above, the next comments below, and a link to the first page."""
    site = a_site(db_session, page_size=10, votes=True)
    thread = a_thread(site)
    comments = [say(thread, f"c{at}") for at in range(40)]
    replies = [say(thread, f"r{at}", comments[20]) for at in range(30)]
    deep = say(thread, "deep", replies[25])
    db_session.commit()
    for wanted, above in ((comments[13], []), (replies[25], [comments[20]]), (deep, [comments[20], replies[25]])):
        page = Reader(client).get_thread(comment=wanted.id, sort=sort, lang="en").text
        ids = [int(id) for id in re.findall(r'<article id="comment-(\d+)"', page)]
        assert ids[: len(above) + 1] == [each.id for each in (*above, wanted)]
        assert len(ids) == 10 and "All comments" in page
    assert "All comments" not in Reader(client).get_thread(lang="en").text
    assert Reader(client).get_thread(comment="x' OR 1=1").status_code == 200


def test_a_busy_comment_hides_no_other(db_session: Session, client: FlaskClient) -> None:
    site = a_site(db_session, page_size=10)
    thread = a_thread(site)
    busy = say(thread, "busy")
    replies = [say(thread, f"reply {at}", busy) for at in range(30)]
    others = [say(thread, f"other {at}") for at in range(9)]
    db_session.commit()
    db_session.refresh(thread)
    page = reading.page_of(site, thread, sort="oldest")
    assert [each.id for each in page.comments] == [each.id for each in (busy, *replies[:5], *others[:4])]
    assert page.total == 40 and page.next
    rest = further(site, thread, page.comments[5].more)
    assert [each.id for each in rest] == [each.id for each in replies[5:]]
    assert Reader(client).get_thread(lang="en").text.count("More replies") == 1


@pytest.mark.parametrize("sort", ["oldest", "newest"])
@pytest.mark.parametrize(("busy", "shown"), [(1, [20]), (2, [11, 9]), (3, [7, 7, 6]), (4, [6, 6, 6, 2])])
def test_where_few_are_busy_their_replies_fill_the_page(
    db_session: Session, sort: str, busy: int, shown: list[int]
) -> None:
    site = a_site(db_session, page_size=20)
    thread = a_thread(site)
    roots = [say(thread, f"busy {at}") for at in range(busy)]
    replies = {root.id: [say(thread, f"reply {at}", root).id for at in range(30)] for root in roots}
    db_session.commit()
    db_session.refresh(thread)
    page = reading.page_of(site, thread, sort=sort)
    branches = [[root.id, *replies[root.id]][:size] for root, size in zip(_sorted(roots, sort), shown, strict=True)]
    assert [each.id for each in page.comments] == [id for branch in branches for id in branch]
    rest = [each.id for comment in page.comments for each in further(site, thread, comment.more)]
    assert sorted([each.id for each in page.comments] + rest) == sorted([*replies, *chain(*replies.values())])


def _sorted(comments: list[Comment], sort: str) -> list[Comment]:
    return comments[::-1] if sort == "newest" else comments


def test_a_thread_that_fits_onto_a_page_is_shown_whole(db_session: Session) -> None:
    site = a_site(db_session, page_size=10)
    thread = a_thread(site)
    busy = say(thread, "busy")
    for at in range(9):
        say(thread, f"reply {at}", busy)
    db_session.refresh(thread)
    page = reading.page_of(site, thread, sort="newest")
    assert len(page.comments) == 10 and page.next is None
    assert not any(each.more for each in page.comments)


@pytest.mark.parametrize("sort", ["oldest", "newest"])
def test_a_removed_comment_with_replies_counts_for_the_page_size(db_session: Session, sort: str) -> None:
    """Six are public; twelve have a tree path."""
    site = a_site(db_session, page_size=10)
    thread = a_thread(site)
    roots = [say(thread, f"root {at}") for at in range(6)]
    answers = {root.id: say(thread, "answer", root).id for root in roots}
    for root in roots:
        move(db_session, root, Status.REJECTED)
    db_session.refresh(thread)
    page = reading.page_of(site, thread, sort=sort)
    assert page.total == 6 and len(page.comments) == 10 and page.next
    in_order = [id for root in _sorted(roots, sort) for id in (root.id, answers[root.id])]
    assert [each.id for each in all_pages(site, thread, sort)] == in_order


@pytest.mark.parametrize(
    "after",
    ["", "nonsense", "1.", "1", "0", "9999999999999999999.AAAAAAAAA", "1.'--", "0.000000000", "999999999~1", "~1"],
)
def test_a_made_up_cursor_is_harmless(db_session: Session, client: FlaskClient, after: str) -> None:
    say(a_thread(a_site(db_session, votes=True)), "hello")
    db_session.commit()
    for sort in ("oldest", "helpful"):
        assert Reader(client).get_thread(after=after, sort=sort).status_code == 200


def test_the_next_page_by_votes_neither_repeats_nor_misses_others_when_votes_come_in(db_session: Session) -> None:
    site = a_site(db_session, page_size=10, votes=True)
    thread = a_thread(site)
    comments = [say(thread, f"c{at}") for at in range(25)]
    for at, comment in enumerate(comments):
        comment.helpful = at // 5
    db_session.commit()
    first = reading.page_of(site, thread, sort="helpful")
    comments[3].helpful, comments[22].helpful = 9, 0
    db_session.commit()
    second = reading.page_of(site, thread, sort="helpful", after=first.next or "")
    third = reading.page_of(site, thread, sort="helpful", after=second.next or "")
    seen = [each.id for page in (first, second, third) for each in page.comments]
    moved = {comments[3].id, comments[22].id}
    assert [id for id in seen if id not in moved] == [each.id for each in comments[::-1] if each.id not in moved]


def test_an_unchanged_thread_is_not_sent_again(db_session: Session, client: FlaskClient) -> None:
    comment = say(a_thread(a_site(db_session)), "hello")
    db_session.commit()
    reader = Reader(client)
    etag = reader.get_thread().headers["ETag"]
    asked = {"query_string": {"site": "paper", "url": PAGE}, "headers": {"If-None-Match": etag}}
    assert client.get("/embed/thread", **asked).status_code == 304
    move(db_session, comment, Status.REJECTED)
    assert client.get("/embed/thread", **asked).status_code == 200


def test_counts_are_those_of_the_page(db_session: Session, client: FlaskClient) -> None:
    thread = a_thread(a_site(db_session))
    root = say(thread, "one")
    say(thread, "two", root)
    db_session.commit()
    asked = {"site": "paper", "url": [PAGE, f"{PAGE}?utm_source=mail", f"{PAGE}/none", "nonsense"]}
    found = client.get("/embed/counts", query_string=asked).json["counts"]
    assert found == {PAGE: 2, f"{PAGE}?utm_source=mail": 2, f"{PAGE}/none": 0, "nonsense": 0}
    move(db_session, root, Status.SPAM)
    assert client.get("/embed/counts", query_string=asked).json["counts"][PAGE] == 1
