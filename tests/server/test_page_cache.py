"""The page cache stores public pages only: no personal responses, no invented URLs."""

import asyncio
import gzip
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import brotli
import pytest
import zstandard
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.comments.submit import Draft, submit
from app.extensions import db
from app.lib.urls import page_key
from app.models import Comment, Status, Thread
from app.server import cache_key, page_cache, pool
from app.server.rsgi import RsgiServer
from app.web.public import FRESH_S
from tests.cast import ORIGIN, PAGE, a_site, move
from tests.rsgi import RsgiRequest, RsgiResponse, alone
from tests.services import Live

MB = 2**20


@dataclass
class Clock:
    """The page cache's clock, in seconds."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Readers:
    """Clients of an application with a page cache; `made` counts the requests that reached a view."""

    def __init__(self, app: Flask, max_bytes: int = 4 * MB) -> None:
        self.app, self.made = app, []
        self.open = threading.Event()
        self.open.set()
        self.server = RsgiServer(self._counted, max_body=MB, max_bytes=max_bytes)

    def _counted(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.made.append(environ["PATH_INFO"])
        assert self.open.wait(60)
        return self.app(environ, start_response)

    async def ask(
        self, path: str = "/embed/thread", headers: dict[str, str] | None = None, **asked: Any
    ) -> RsgiResponse:
        told = RsgiResponse()
        query = urlencode({"site": "paper", "url": PAGE} | asked, doseq=True)
        await self.server.__rsgi__(RsgiRequest(path, query, headers or {}), told)  # type: ignore[arg-type]
        return told

    def reads(self, path: str = "/embed/thread", **asked: Any) -> RsgiResponse:
        return alone(self.ask(path, **asked))

    def kept(self) -> int:
        return len(self.server.page_cache.lasting.entries) + len(self.server.page_cache.ephemeral.entries)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(page_cache, "monotonic", clock)
    return clock


@pytest.fixture
def readers(app: Flask, clock: Clock) -> Iterator[Readers]:
    readers = Readers(app)
    yield readers
    # A revalidation in the background returns its connection before the pool of connections is closed.
    readers.open.set()
    for each in readers.server.pools.values():
        each.threads.shutdown()


@pytest.fixture
def comment(db_session: Session) -> Comment:
    """A published comment on a page."""
    return a_comment(db_session)


def a_comment(db_session: Session, body: str = "Published.", **settings: Any) -> Comment:
    site = a_site(db_session, **settings)
    thread = Thread.obtain(site, key=page_key(PAGE), url=PAGE, title="The story")
    said = submit(thread, Draft(body=body, name="Hanako", email="", website="", parent_id=None)).comment
    db_session.commit()
    return said


def test_a_hot_thread_is_made_once_for_all_who_come_at_once(readers: Readers, comment: Comment) -> None:
    async def crowd() -> list[RsgiResponse]:
        return await asyncio.gather(*(readers.ask() for _ in range(50)))

    answers = alone(crowd())
    assert len(readers.made) == 1
    assert all(told.status == 200 and "Published." in told.text for told in answers)


def test_a_hanging_revalidation_delays_readers_at_most_a_second(
    readers: Readers, comment: Comment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "SLOW_S", 0.01)
    readers.reads()

    async def crowd() -> None:
        clock.now += FRESH_S + page_cache.RENEWING_S + 1
        readers.open.clear()
        for _ in range(20):
            assert (await asyncio.wait_for(readers.ask(), 30)).status == 200
        # Less than a second for each revalidation.
        monkeypatch.setattr(page_cache, "SLOW_S", 1000)
        clock.now += page_cache.FAILING_S - FRESH_S - page_cache.RENEWING_S - 2
        assert (await asyncio.wait_for(readers.ask(), 30)).status == 200
        clock.now += 2
        late = asyncio.ensure_future(readers.ask())
        await asyncio.sleep(0.05)
        assert not late.done(), "pages older than a minute are not served"
        readers.open.set()
        assert (await late).status == 200

    alone(crowd())
    assert readers.made == ["/embed/thread"] * 2


def test_an_uncached_request_waits_one_deadline_only(
    readers: Readers, comment: Comment, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers.open.clear()
    readers.server.pools["read"].seconds = 0.05 - pool.GRACE_S

    async def crowd() -> list[RsgiResponse]:
        try:
            return await asyncio.gather(*(readers.ask() for _ in range(5)))
        finally:
            readers.open.set()

    assert [told.status for told in alone(crowd())] == [503] * 5
    assert readers.made == ["/embed/thread"]


def test_old_bytes_are_served_while_one_request_asks_again(
    readers: Readers, comment: Comment, clock: Clock, db_session: Session
) -> None:
    readers.reads()
    move(db_session, comment, Status.REJECTED)

    async def crowd() -> tuple[list[RsgiResponse], RsgiResponse]:
        clock.now += FRESH_S + 0.1
        readers.open.clear()
        meanwhile = [await asyncio.wait_for(readers.ask(), 30) for _ in range(20)]
        clock.now += page_cache.RENEWING_S
        late = asyncio.ensure_future(readers.ask())
        await asyncio.sleep(0.05)
        assert not late.done()
        readers.open.set()
        return meanwhile, await late

    meanwhile, late = alone(crowd())
    assert all("Published." in told.text for told in meanwhile)
    assert "Published." not in late.text
    assert len(readers.made) == 2


def test_a_decision_is_seen_as_soon_as_an_entry_is_not_fresh(
    readers: Readers, comment: Comment, clock: Clock, db_session: Session
) -> None:
    assert "Published." in readers.reads().text
    move(db_session, comment, Status.SPAM)
    clock.now += FRESH_S + page_cache.RENEWING_S
    assert FRESH_S + page_cache.RENEWING_S < 2
    assert "Published." not in readers.reads().text


def test_an_unchanged_thread_costs_one_query(readers: Readers, comment: Comment, clock: Clock, app: Flask) -> None:
    first = readers.reads()
    statements: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    clock.now += 100
    assert readers.reads().body == first.body
    assert len([each for each in statements if each.startswith("SELECT")]) == 1
    assert readers.reads().body == first.body
    assert len(readers.made) == 2


SAME = [
    {"utm": "1", "x": "y" * 500},
    {"lang": "", "sort": "oldest", "after": "", "comment": ""},
    {"sort": "nonsense", "after": "nonsense", "comment": "nonsense", "lang": "xx"},
    {"url": f"{PAGE}?utm_source=mail&fbclid=1"},
    {"url": f"{PAGE}/"},
    {"url": PAGE.replace("https", "https").replace("story", "%73tory")},
    {"title": "Another title"},
    {"site": ["paper", "other"]},
]


@pytest.mark.parametrize("asked", SAME, ids=str)
def test_other_ways_to_ask_the_same_make_nothing_new(readers: Readers, comment: Comment, asked: dict[str, Any]) -> None:
    first = readers.reads()
    assert readers.reads(**asked).body == first.body
    assert len(readers.made) == 1 and readers.kept() == 1


def test_client_headers_do_not_poison_the_cache(readers: Readers, comment: Comment) -> None:
    coloured = readers.reads("/thread", url=f"{PAGE}?utm_source=mallory", title="Mallory was here")
    assert coloured.status == 200 and "allory" not in coloured.text
    assert "allory" not in readers.reads("/thread").text
    headers = {"cookie": "kaiwa_own=1", "accept-language": "ja", "host": "evil.example", "origin": ORIGIN}
    assert alone(readers.ask(headers=headers)).body == readers.reads().body


def test_a_page_without_comments_is_shown_as_each_asks(readers: Readers, db_session: Session) -> None:
    a_site(db_session)
    assert "Mallory" in readers.reads("/thread", title="Mallory was here").text
    assert "Mallory" not in readers.reads("/thread", title="The story").text


def test_a_first_comment_takes_the_place_of_an_empty_page(readers: Readers, db_session: Session, clock: Clock) -> None:
    site = a_site(db_session)
    assert "Published." not in readers.reads().text
    thread = Thread.obtain(site, key=page_key(PAGE), url=PAGE, title="")
    submit(thread, Draft(body="Published.", name="Hanako", email="", website="", parent_id=None))
    db_session.commit()
    clock.now += FRESH_S + page_cache.RENEWING_S
    assert "Published." in readers.reads().text
    assert "Published." in readers.reads(url=f"{PAGE}?utm_source=mail").text
    assert readers.kept() == 1


@pytest.mark.parametrize("junk", ["thread", "url", "after", "comment", "title", "x", "section"])
def test_invented_urls_do_not_evict_read_pages(
    app: Flask, clock: Clock, comment: Comment, monkeypatch: pytest.MonkeyPatch, junk: str
) -> None:
    readers = Readers(app, max_bytes=256 * 1024)
    hot = readers.reads()
    made_up = {"url": f"{PAGE}/{{}}", "after": "{}.000000001"}.get(junk, "{}")
    for number in range(40):
        assert readers.reads(**{junk: made_up.format(number + 10**6)}).status == 200
    made = len(readers.made)
    assert readers.reads().body == hot.body
    assert len(readers.made) == made
    readers.reads("/api/v1/picks", **{"url": " ", junk: made_up.format(10**6)})
    assert len(readers.server.page_cache.lasting.entries) <= 2
    caches = (readers.server.page_cache.lasting, readers.server.page_cache.ephemeral)
    assert sum(cache.used for cache in caches) <= 256 * 1024
    assert all(cache.used == sum(entry.weight for entry in cache.entries.values()) for cache in caches)


def test_a_crowd_with_addresses_of_its_own_makes_a_known_page_once(readers: Readers, comment: Comment) -> None:
    async def crowd() -> list[RsgiResponse]:
        return await asyncio.gather(*(readers.ask(url=f"{PAGE}?utm_source={number}") for number in range(30)))

    assert len({told.body for told in alone(crowd())}) == 1
    assert len(readers.made) == 1


def test_long_and_foreign_addresses_are_not_remembered() -> None:
    before = cache_key._key_of.cache_info().currsize
    assert cache_key.key_of("/" + "x" * 100_000, "") is None
    assert cache_key.key_of("/thread", "x" * 100_000) is None
    assert cache_key._key_of.cache_info().currsize == before


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/thread", {"own": "1"}),
        ("/thread", {"voted": "1"}),
        ("/thread", {"parent": "1"}),
        ("/login", {}),
        ("/embed/thread", {"site": "none"}),
    ],
)
def test_personal_responses_are_not_cached(readers: Readers, comment: Comment, path: str, asked: Any) -> None:
    readers.reads(path, **asked)
    made = len(readers.made)
    readers.reads(path, **asked)
    assert len(readers.made) > made and readers.kept() == 0


def test_the_picks_for_programs_are_cached_and_revalidated(readers: Readers, comment: Comment) -> None:
    for junk in ("1", "2"):
        told = readers.reads("/api/v1/picks", junk=junk)
        assert told.headers["content-type"] == "application/json"
    assert len(readers.made) == 1 == readers.kept()
    assert alone(readers.ask("/api/v1/picks", headers={"if-none-match": told.headers["etag"]})).status == 304


def test_the_latest_comments_are_cached_and_a_mistyped_section_is_no_site(readers: Readers, comment: Comment) -> None:
    path = "/api/v1/comments/latest"
    for more in ({}, {"junk": "1"}, {"url": "x"}, {"picked": "0"}, {"section": ""}):
        assert '"comments"' in readers.reads(path, **more).text
    assert len(readers.made) == 1 == readers.kept()
    keys = {cache_key.key_of(path, f"site=paper{more}") for more in ("", "&section=sports", "&section=food")}
    assert len({key.shared for key in keys if key}) == 3, "a section is not the whole site"
    for section in ("Sports!", "none", "-"):
        assert (readers.reads(path, section=section).status, readers.kept()) == (404, 1)


def test_an_answer_with_a_cookie_is_not_kept(readers: Readers, comment: Comment, app: Flask) -> None:
    @app.after_request
    def careless(answer: Any) -> Any:
        answer.set_cookie("who", "hanako")
        return answer

    assert "who=hanako" in readers.reads().headers["set-cookie"]
    assert readers.kept() == 0


@pytest.mark.parametrize(
    ("accepted", "encoding", "unpacked"),
    [
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("gzip, zstd", "zstd", zstandard.ZstdDecompressor().decompress),
        ("GZIP;q=0.5, br;q=0", "gzip", gzip.decompress),
        ("*", "br", brotli.decompress),
        ("identity", None, bytes),
        ("br;q=0, *;q=0", None, bytes),
        ("br;q=nonsense", None, bytes),
    ],
)
def test_each_client_gets_the_encoding_that_it_takes(
    readers: Readers, comment: Comment, accepted: str, encoding: str | None, unpacked: Callable[[bytes], bytes]
) -> None:
    plain = readers.reads()
    told = alone(readers.ask(headers={"accept-encoding": accepted}))
    assert told.headers.get("content-encoding") == encoding
    assert told.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert unpacked(told.body) == plain.body and (encoding is None or len(told.body) < len(plain.body) / 2)
    assert len(readers.made) == 1
    cache = readers.server.page_cache.lasting
    assert cache.used == sum(each.value.size + len(key[1]) for key, each in cache.entries.items())


def test_a_matching_etag_gets_304(readers: Readers, comment: Comment) -> None:
    etag = readers.reads().headers["etag"]
    for given in (etag, f'"another", {etag}', etag.removeprefix("W/")):
        told = alone(readers.ask(headers={"if-none-match": given}))
        assert (told.status, told.body, told.headers["etag"]) == (304, b"", etag)
    assert alone(readers.ask(headers={"if-none-match": '"another"'})).status == 200
    assert len(readers.made) == 1


def test_counts_are_one_entry_however_the_list_is_written(readers: Readers, comment: Comment) -> None:
    urls = [PAGE, f"{PAGE}/none"]
    first = readers.reads("/embed/counts", url=urls)
    assert readers.reads("/embed/counts", url=urls[::-1] + urls).body == first.body
    assert len(readers.made) == 1 and f'"{PAGE}":1' in first.text


def test_feeds_and_the_widget_are_ready_too(readers: Readers, comment: Comment, clock: Clock) -> None:
    paths = (
        "/feeds/site/paper.atom",
        "/feeds/thread",
        "/embed.js",
        "/live.js",
        "/writing.js",
        "/work.js",
        "/frame.js",
        "/thread.css",
    )
    for path in paths:
        first = readers.reads(path)
        assert first.status == 200 and readers.reads(path, x="y").body == first.body
        clock.now += 100
        assert readers.reads(path).body == first.body
    assert len(readers.made) == 2 * len(paths)


def test_while_the_database_is_away_the_last_minute_is_served(
    readers: Readers, comment: Comment, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = readers.reads()
    monkeypatch.setattr(readers, "app", lambda environ, start: start("503 Service Unavailable", []) and [b""])
    clock.now += 50
    assert readers.reads().body == shown.body
    clock.now += 50
    assert readers.reads().status == 503


def test_a_changed_setting_is_seen(readers: Readers, comment: Comment, clock: Clock, app: Flask) -> None:
    assert "Leave a comment" in readers.reads(lang="en").text
    done = app.test_cli_runner().invoke(args=["site", "set", "paper", "open=no"])
    assert done.exit_code == 0, done.output
    clock.now += FRESH_S + page_cache.RENEWING_S
    assert "Comments are closed." in readers.reads(lang="en").text


def test_without_room_nothing_is_kept(app: Flask, comment: Comment) -> None:
    readers = Readers(app, max_bytes=0)
    assert readers.reads().body == readers.reads().body
    assert len(readers.made) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_decision_and_a_setting_are_soon_seen_by_all_processes(
    start_kaiwa: Callable[..., Live], database_url: str, db_session: Session
) -> None:
    comment = a_comment(db_session)
    kaiwa = start_kaiwa(database_url, workers=2)
    assert len(kaiwa.processes("granian")) >= 2
    asked = f"{kaiwa.url}/embed/thread?{urlencode({'site': 'paper', 'url': PAGE, 'lang': 'en'})}"
    with busy_readers(asked) as seen:
        assert all("Published." in each for each in seen())
        move(db_session, comment, Status.REJECTED)
        assert comes(lambda: not any("Published." in each for each in seen(after=1)))
        comment.site.open, comment.site.version = False, comment.site.version + 1
        db_session.commit()
        assert comes(lambda: all("Comments are closed" in each for each in seen(after=1)))


def comes(agree: Callable[[], bool]) -> bool:
    """Usually within two seconds; on a busy machine a revalidation may take so long that its old answer is served."""
    return any(agree() for _attempt in range(20))


@contextmanager
def busy_readers(address: str) -> Iterator[Callable[..., list[str]]]:
    """Many readers who reload constantly, each time on a new connection, so that they reach every process.

    The function returns the responses to twenty of them after at least `after` seconds.
    """
    answers: list[tuple[float, str]] = []
    over = threading.Event()

    def reload() -> None:
        while not over.is_set():
            asked_at = time.monotonic()
            with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310
                answers.append((asked_at, answer.read().decode()))
            time.sleep(0.02)

    def seen(after: float = 0) -> list[str]:
        begin = time.monotonic() + after
        time.sleep(after)
        while len(found := [text for asked_at, text in list(answers) if asked_at >= begin]) < 20:
            assert time.monotonic() < begin + 60
            time.sleep(0.05)
        return found

    with ThreadPoolExecutor(4) as crowd:
        running = [crowd.submit(reload) for _ in range(4)]
        try:
            yield seen
        finally:
            over.set()
    for each in running:
        each.result()
