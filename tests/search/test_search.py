"""Search returns the same as a full scan, newest first, whichever segments are indexed."""

import random
import unicodedata
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from app.cli import worker
from app.comments import person as people
from app.extensions import db
from app.models import Author, Comment, DirtyComment, Moderator, SearchSegment, SegmentPage, Site, Status, Thread
from app.models.search_segment import SIZE
from app.search import index, query
from app.search.ngrams import ngrams_of, required_ngrams
from app.search.query import SearchQuery
from tests.cast import PAGE, Reader, a_moderator, a_site, the_comment

ALPHABETS = (
    "abcdeE é ß ﬁ Ｆｅ １2",
    "大阪城の天気はよい。鯨死ﾊﾞｶばかバカ　ー々",
    "😀👩‍👩‍👧🇯🇵✂️❤",
    "שלום עולם مرحبا لا\u0651",
    "กำน้ำหนัก हिन्दी 한국어 이ㅏ",
    "e\u0301a\u0308\u3099か\u3099% _ \\ \" ' * NEAR( - :",
)
SPREAD = 1777  # gap between ids: a hundred comments fall into several segments


def texts(count: int, seed: int = 7) -> list[str]:
    chance = random.Random(seed)
    return [
        "".join(chance.choices("".join(chance.sample(ALPHABETS, 2)), k=chance.randint(1, 60))) for _ in range(count)
    ]


def kept(db_session: Session, site: Site, bodies: list[str], first: int = 5, **more: object) -> list[int]:
    thread = Thread.obtain(site, key=PAGE, url=PAGE, title="Story")
    author = Author(site=site, name="Hanako")
    db_session.add(author)
    db_session.flush()
    ids = [first + SPREAD * number for number in range(len(bodies))]
    same = {"site_id": site.id, "thread_id": thread.id, "author_id": author.id, "html": "", "renderer": 1} | more
    db_session.execute(insert(Comment), [{"id": id, "body": body} | same for id, body in zip(ids, bodies, strict=True)])
    db_session.commit()
    return ids


def reindex(numbers: list[int] | None = None) -> None:
    for number in index.dirty_segments() if numbers is None else numbers:
        assert index.build(number)
        db_commit()


def db_commit() -> None:
    db.session.commit()


def found(viewer: Moderator, **wanted: object) -> list[int]:
    """All pages of the results, in order."""
    ids, after = [], None
    while after is None or after:
        page = query.search(viewer, SearchQuery(**wanted), after)
        ids += page.ids
        after = page.after or page.further
    return ids


def plainly(db_session: Session, query: str) -> list[int]:
    """The results of a full scan, implemented independently."""

    def normal(text: str) -> str:
        return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())

    rows = db_session.execute(select(Comment.id, Comment.body).order_by(Comment.id.desc())).all()
    return [row.id for row in rows if all(word in normal(row.body) for word in normal(query).split())]


def queries(bodies: list[str]) -> Iterator[str]:
    chance = random.Random(3)
    for length in (1, 1, 2, 2, 2, 3, 3, 4, 7, 20):
        for _ in range(3):
            body = chance.choice(bodies)
            at = chance.randrange(len(body))
            piece = body[at : at + length].strip()
            yield chance.choice((str.upper, str.lower, lambda s: unicodedata.normalize("NFKC", s)))(piece)
    yield from (
        "鯨",
        "大阪",
        "天 城",
        "nowhere",
        "阪城大",
        "zz",
        "％",
        "ﾊﾞｶ バカ",
        "\x01d",
        "\udc00".encode(errors="replace").decode(),
    )


def test_a_text_has_all_ngrams_of_its_words() -> None:
    for each in texts(200):
        for run in unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", each).casefold()).split():
            for at in range(len(run)):
                for length in (1, 2, 3, 9):
                    assert required_ngrams(run[at : at + length]) <= ngrams_of(each)


@pytest.mark.parametrize("indexed", ["nothing", "a part", "all", "all, then changed"])
def test_it_finds_what_reading_everything_finds(
    db_session: Session, paper: Site, alice: Moderator, indexed: str
) -> None:
    bodies = texts(110)
    ids = kept(db_session, paper, bodies)
    assert max(ids) // SIZE >= 5 and len(index.dirty_segments()) == max(ids) // SIZE + 1
    if indexed != "nothing":
        reindex(index.dirty_segments()[2:4] if indexed == "a part" else None)
    if indexed == "all, then changed":
        for id, body in zip(ids[::5], texts(30, seed=8), strict=False):
            db_session.get_one(Comment, id).body = body
        db_session.delete(db_session.get_one(Comment, ids[3]))
        db_session.commit()
        bodies += texts(30, seed=8)
    for typed in queries(bodies):
        if typed.split():
            assert found(alice, text=typed) == plainly(db_session, typed), repr(typed)
            db_session.commit()


def test_names_and_articles_are_indexed_too(db_session: Session, paper: Site, alice: Moderator) -> None:
    ids = kept(db_session, paper, ["one", "two"], name="山田 Ｈａｎａｋｏ")
    others = kept(db_session, paper, ["two, three"], first=SIZE * 3, name="Bob")
    reindex()
    assert found(alice, name="hanako 山田") == ids[::-1] and found(alice, name="田山") == []
    assert found(alice, name="bob", text="two") == others
    assert found(alice, article="STORY", text="two") == [*others, ids[1]] and found(alice, article="Other") == []


def test_a_search_reads_only_so_much_and_goes_on_from_there(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = kept(db_session, paper, ["spam 大阪"] + ["大阪"] * 40)
    move = select(Comment).where(Comment.id == ids[0])
    db_session.scalars(move).one().body = "ham 大阪"
    db_session.commit()
    monkeypatch.setattr(query, "MAX_READ", 10)
    for _state in ("fresh", "indexed"):
        page = query.search(alice, SearchQuery(text="大阪", status=Status.SPAM))
        assert not page.ids and page.further
        assert found(alice, text="大阪 ham") == ids[:1]
        assert found(alice, text="大阪") == ids[::-1], "nothing twice, nothing left out"
        reindex()


def test_frequent_words_need_one_segment_and_absent_words_one_query(
    db_session: Session, paper: Site, alice: Moderator
) -> None:
    ids = kept(db_session, paper, ["大阪の天気"] * 110)
    reindex()
    asked: list[set[int]] = []
    real = SegmentPage.of

    def noted(numbers: list[int], pages: set[int]) -> dict[tuple[int, int], bytes]:
        asked.extend([set(numbers)] if numbers else [])
        return real(numbers, pages)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SegmentPage, "of", noted)
        assert query.search(alice, SearchQuery(text="大阪")).ids == ids[::-1][:25]
        assert set().union(*asked) == {5, 4, 3, 2, 1}, "the last one has not enough for a page"
        asked.clear()
        assert query.search(alice, SearchQuery(text="鯨")).ids == []
    assert len(asked) == 1 + len(query.SEGMENTS[:3]), "the rarest piece, then one question for each stretch"


def test_bob_of_another_site_finds_nothing_here(db_session: Session, paper: Site, alice: Moderator) -> None:
    ids = kept(db_session, paper, ["大阪"] * 3)
    bob = a_moderator(db_session, a_site(db_session, "other"), "bob")
    nobody = a_moderator(db_session, paper, "nobody")
    nobody.memberships.clear()
    db_session.commit()
    for _state in ("fresh", "indexed"):
        assert found(alice, text="大阪") == ids[::-1]
        assert found(bob, text="大阪") == found(nobody, text="大阪") == []
        reindex()


def test_search_follows_posts_edits_and_erasure(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    reader = Reader(app.test_client())
    assert reader.post("鯨を見た").status_code == 201
    id = the_comment(db_session, "鯨を見た").id
    reindex()
    assert DirtyComment.by_segment() == {}
    db_commit()
    edit = reader.fields(body="鮫を見た", token=reader.token)
    assert reader.client.post(f"/embed/comments/{id}/edit", data=edit).status_code == 200
    assert (found(alice, text="鮫"), found(alice, text="鯨")) == ([id], [])
    db_commit()
    reindex()
    assert (found(alice, text="鮫"), found(alice, text="鯨")) == ([id], [])


def indexed_ids(piece: str) -> set[int]:
    return set().union(*index.candidates(list(SearchSegment.numbers()), [{piece}]).values())


def test_a_segment_forgets_deleted_comments(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    canary = Reader(app.test_client(), "Kanariya Q7", "canary@hidden.example")
    canary.post("鯨を見た")
    Reader(app.test_client(), "Bob").post("鮫を見た")
    id, other = the_comment(db_session, "鯨を見た").id, the_comment(db_session, "鮫を見た").id
    reindex()
    assert indexed_ids("鯨") == indexed_ids(index.name_key("kan")) == {id}
    db_commit()
    done = app.test_cli_runner().invoke(args=["person", "erase", "canary@hidden.example", "--remove-text", "--json"])
    assert done.exit_code == 0, done.output
    db_session.expire_all()
    assert indexed_ids("鯨") == indexed_ids(index.name_key("kan")) == set()
    assert indexed_ids("鮫") == {other}
    assert people.find("canary@hidden.example").authors == []


def test_two_indexers_of_one_segment_keep_the_faster_ones_result(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id,) = kept(db_session, paper, ["鯨"])
    real = index._packed
    raced: list[bool] = []

    def slowly(places: dict[str, object]) -> dict[int, bytes]:
        pages = real(places)
        if not raced:
            raced.append(True)
            db_session.get_one(Comment, id).body = "鮫"
            db_session.commit()
            assert index.build(0)
            db_session.commit()
        return pages

    monkeypatch.setattr(index, "_packed", slowly)
    assert not index.build(0)
    db_session.rollback()
    assert indexed_ids("鮫") == {id} and indexed_ids("鯨") == set()


def test_changes_while_a_segment_is_created_stay_dirty(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (id,) = kept(db_session, paper, ["鯨"])
    real = index._packed

    def slowly(places: dict[str, object]) -> dict[int, bytes]:
        pages = real(places)
        db_session.get_one(Comment, id).body = "鮫"
        db_session.commit()
        return pages

    monkeypatch.setattr(index, "_packed", slowly)
    assert index.build(0)
    db_session.commit()
    assert DirtyComment.by_segment() == {0: 1}
    assert (found(alice, text="鮫"), found(alice, text="鯨")) == ([id], [])


def test_changes_while_a_segment_is_read_stay_dirty(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comment already read, one that arrives, a new one and a deleted one; no writer waits for the indexing."""
    first, second, third, fourth = kept(db_session, paper, ["鯨", "鮫", "鰯", "鮪"])
    monkeypatch.setattr(index, "BATCH", 1)
    real, read = index.ngrams_of, []

    def change_during_indexing(text: str) -> list[str]:
        if not read:
            with Session(db.engine) as other:
                known = other.get_one(Comment, first)
                same = {"site_id": known.site_id, "thread_id": known.thread_id, "author_id": known.author_id}
                other.execute(insert(Comment), {"id": second + 1, "body": "鰹", "html": "", "renderer": 1} | same)
                known.body = other.get_one(Comment, second).body = "鮃"
                other.delete(other.get_one(Comment, third))
                other.commit()
            read.append(second + 1)
        return real(text)

    monkeypatch.setattr(index, "ngrams_of", change_during_indexing)
    assert index.build(0)
    db_commit()
    assert sorted(DirtyComment.within(SearchSegment.ids_of(0))) == [first, second, *read, third]
    assert found(alice, text="鮃") == [second, first]
    assert [found(alice, text=text) for text in ("鰹", "鮪", "鯨", "鮫", "鰯")] == [read, [fourth], [], [], []]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_reading_a_segment_does_not_hold_back_vacuum(
    db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(db_session, paper, ["鯨"] * 4)
    monkeypatch.setattr(index, "BATCH", 1)
    held: list[int] = []
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND (backend_xmin IS NOT NULL OR xact_start IS NOT NULL)"
    )

    def nothing(_text: str) -> list[str]:
        with Session(db.engine) as other:
            held.append(other.scalars(others).one())
        return []

    monkeypatch.setattr(index, "ngrams_of", nothing)
    assert index.build(0)
    assert set(held) == {0}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_indexed_comments_are_looked_up_once(db_session: Session) -> None:
    """Even if PostgreSQL's statistics still say that the table is empty."""
    db_session.execute(insert(DirtyComment), {"comment_id": 1, "times": 1})
    db_session.execute(delete(DirtyComment))
    db_session.execute(text("ANALYZE dirty_comment"))
    db_session.commit()
    many = dict.fromkeys(range(1, 3001), 1)
    db_session.execute(insert(DirtyComment), [{"comment_id": id, "times": times} for id, times in many.items()])
    db_session.commit()
    DirtyComment.clear(many)
    rows = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'dirty_comment'"
    assert db.session.scalar(text(rows)) <= 10 * len(many)
    assert DirtyComment.by_segment() == {}


@pytest.mark.parametrize("count", [1, index.DENSE - 1, index.DENSE, SIZE])
def test_a_list_comes_back_as_it_went_in_however_long(count: int) -> None:
    places = random.Random(count).sample(range(SIZE), count)
    page = index._page({0: [3], 7: sorted(places), 63: [5, SIZE - 1]})
    assert index._positions_in(index._read(page, 7)) == set(places)
    assert index._positions_in(index._read(page, 63)) == {5, SIZE - 1}
    assert index._read(page, 8) == index._read(None, 7) == set()


def test_the_command_indexes_everything(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    kept(db_session, paper, ["鯨"] * 30)
    done = app.test_cli_runner().invoke(args=["upkeep", "reindex", "--json"])
    assert done.exit_code == 0 and done.stdout.strip() == '{"segments": 2, "left": 0}', done.output
    assert len(indexed_ids("鯨")) == 30


def test_the_old_name_of_the_command_works(app: Flask, db_session: Session, paper: Site, alice: Moderator) -> None:
    kept(db_session, paper, ["鯨"])
    done = app.test_cli_runner().invoke(args=["upkeep", "shelve", "--json"])
    assert (done.exit_code, done.stdout) == (0, '{"shelves": 1, "left": 0}\n') and "reindex" in done.stderr
    assert "shelve" not in app.test_cli_runner().invoke(args=["upkeep", "--help"]).output


def test_the_worker_indexes_new_comments_and_later_only_full_segments(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1.0]
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(index, "WORTH_BUILDING", 3)
    turn = worker._reindexer()
    kept(db_session, paper, ["鯨"] * 30)
    while turn():
        pass
    assert DirtyComment.by_segment() == {}
    for first, left in ((7, {0: 1}), (9, {0: 2}), (11, {})):
        kept(db_session, paper, ["鮫"], first=first)
        clock[0] += worker.INDEX_EVERY
        turn()
        assert DirtyComment.by_segment() == left
        db.session.commit()


def test_the_worker_pauses_in_proportion_to_indexing_time(
    db_session: Session, paper: Site, alice: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would rebuild the newest segment all the time and use a whole core."""
    clock, made = [1.0], []
    monkeypatch.setattr(worker.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(index, "dirty_segments", lambda _least: [3])

    def takes_four_seconds(segment: int) -> None:
        made.append(segment)
        clock[0] += 4.0

    monkeypatch.setattr(index, "build", takes_four_seconds)
    turn = worker._reindexer()
    for pause, number in ((0.0, 1), (worker.INDEX_EVERY, 1), (4.0 * worker.INDEX_REST, 2)):
        clock[0] += pause
        turn()
        assert len(made) == number
