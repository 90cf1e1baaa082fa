"""The demo is an example publisher site: valid pages, a strict policy, and only Kaiwa's embed tag."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from bs4 import BeautifulSoup, Tag
from flask.testing import FlaskClient

from demo.__main__ import parser, public_url
from demo.articles import LANGUAGES, by_path, most_discussed, published
from demo.conversation import CONVERSATION, approved_on, walk
from demo.site import create_demo
from demo.words import WORDS, spoken_date
from tests.services import START_LIMIT, free_port

SERVICE = "https://comments.example"
PUBLIC = "https://news.example"
PATHS = sorted(by_path())
FRONTS = [f"/{lang}/" for lang in LANGUAGES]
REMARKS = [remark for remarks in CONVERSATION.values() for remark, _ in walk(remarks)]


@pytest.fixture
def reader() -> Iterator[FlaskClient]:
    with create_demo(SERVICE, public_url=PUBLIC).test_client() as client:
        yield client


def page(reader: FlaskClient, path: str) -> BeautifulSoup:
    answer = reader.get(path)
    assert answer.status_code == 200, path
    return BeautifulSoup(answer.text, "html5lib")


def one(soup: BeautifulSoup, selector: str) -> Tag:
    found = soup.select(selector)
    assert len(found) == 1, f"{selector}: {len(found)}"
    return found[0]


def test_each_language_has_three_articles() -> None:
    assert {lang: len(published(lang)) for lang in LANGUAGES} == {"ja": 3, "en": 3}


@pytest.mark.parametrize("path", PATHS)
def test_a_reader_finds_headline_author_and_date(reader: FlaskClient, path: str) -> None:
    article, soup = by_path()[path], page(reader, path)
    assert one(soup, "h1").text == article.title
    assert one(soup, ".story .author").text == article.author
    time_element = one(soup, ".story time")
    assert time_element["datetime"] == article.date.isoformat()
    assert time_element.text == spoken_date(article.date, article.lang)
    assert one(soup, "html")["lang"] == article.lang
    assert len(one(soup, ".prose").text) > 500


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_reader_can_walk_through_all_articles_and_back(reader: FlaskClient, lang: str) -> None:
    newest_first = [article.path for article in published(lang)]
    assert walked(reader, newest_first[0], "prev") == newest_first
    assert walked(reader, newest_first[-1], "next") == newest_first[::-1]


def walked(reader: FlaskClient, path: str, rel: str) -> list[str]:
    links = page(reader, path).select(f".around a[rel={rel}]")
    return [path, *(step for link in links for step in walked(reader, str(link["href"]), rel))]


@pytest.mark.parametrize("path", PATHS)
def test_an_article_recommends_others_but_not_itself(reader: FlaskClient, path: str) -> None:
    recommended = {link["href"] for link in page(reader, path).select(".recommended a")}
    lang = by_path()[path].lang
    assert recommended == {other.path for other in published(lang)} - {path}


@pytest.mark.parametrize("path", [*PATHS, *FRONTS])
def test_the_most_discussed_come_first_and_leave_the_number_to_the_service(reader: FlaskClient, path: str) -> None:
    items = page(reader, path).select(".discussed li")
    lang = path.split("/")[1]
    assert [item.a["href"] for item in items if item.a] == [article.path for article in most_discussed(lang)]
    counts = [one(item, "[data-kaiwa-count]") for item in items]  # type: ignore[arg-type]
    assert [place["data-url"] for place in counts] == [PUBLIC + a.path for a in most_discussed(lang)]
    assert not any(place.text for place in counts)


def test_most_discussed_is_ordered_by_comments() -> None:
    said = [approved_on(article.path) for article in most_discussed("ja")]
    assert said == sorted(said, reverse=True)
    assert said[0] == 12


@pytest.mark.parametrize("path", PATHS)
def test_an_article_holds_the_tag_and_nothing_else_of_kaiwa(reader: FlaskClient, path: str) -> None:
    soup = page(reader, path)
    lang = by_path()[path].lang
    assert one(soup, "#kaiwa").attrs == {"id": "kaiwa"}
    assert not one(soup, "#kaiwa").contents
    assert one(soup, "script").attrs == {
        "async": "",
        "src": f"{SERVICE}/embed.js",
        "data-site": "demo",
        "data-lang": lang,
    }
    one(soup, "noscript").decompose()
    assert str(soup).count(SERVICE) == 1
    assert one(soup, "link[rel=canonical]")["href"] == PUBLIC + path


@pytest.mark.parametrize("path", PATHS)
def test_without_javascript_the_thread_is_a_frame_and_a_link(reader: FlaskClient, path: str) -> None:
    noscript = one(page(reader, path), "noscript")
    frame, link = one(noscript, "iframe"), one(noscript, "a")  # type: ignore[arg-type]
    assert frame["title"]
    assert frame["src"] == link["href"]
    address = urlsplit(str(frame["src"]))
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{SERVICE}/thread"
    wanted = {"site": ["demo"], "url": [PUBLIC + path], "lang": [by_path()[path].lang]}
    assert parse_qs(address.query) == wanted


@pytest.mark.parametrize("path", [*PATHS, *FRONTS, "/en/nowhere", "/static/demo.css"])
def test_every_answer_carries_the_strict_policy(reader: FlaskClient, path: str) -> None:
    assert reader.get(path, buffered=True).headers["Content-Security-Policy"] == (
        f"default-src 'none'; script-src {SERVICE}; connect-src {SERVICE}; style-src 'self'; "
        f"img-src 'self'; frame-src {SERVICE}; base-uri 'none'; form-action 'none'"
    )


@pytest.mark.parametrize("path", [*PATHS, *FRONTS])
def test_no_page_needs_what_the_policy_forbids(reader: FlaskClient, path: str) -> None:
    soup = page(reader, path)
    assert not soup.select("style, [style], form, base, script:not([src])")
    handlers = [name for element in soup.find_all(True) for name in element.attrs if name.startswith("on")]
    assert not handlers


@pytest.mark.parametrize("path", [*PATHS, *FRONTS, "/en/nowhere"])
def test_every_link_and_file_of_ours_is_there(reader: FlaskClient, path: str) -> None:
    soup = BeautifulSoup(reader.get(path).text, "html5lib")
    ours = {str(e.get("href") or e.get("src")) for e in soup.select("[href], [src]")}
    local = {address.removeprefix(PUBLIC) for address in ours if not address.startswith((SERVICE, "#"))}
    assert local >= {"/static/demo.css", "/ja/", "/en/"}
    assert {address: reader.get(address, buffered=True).status_code for address in local} == dict.fromkeys(local, 200)
    assert {e["href"] for e in soup.select("[href^='#']")} == {f"#{e['id']}" for e in soup.select("main[id]")}


@pytest.mark.parametrize("path", PATHS)
def test_every_picture_has_a_text_alternative(reader: FlaskClient, path: str) -> None:
    assert by_path()[path].alt
    assert one(page(reader, path), "figure img")["alt"] == by_path()[path].alt


def test_a_page_that_is_not_there_says_so_in_the_readers_language(reader: FlaskClient) -> None:
    for lang in LANGUAGES:
        answer = reader.get(f"/{lang}/nowhere")
        assert answer.status_code == 404
        assert str(WORDS[lang]["missing"]) in answer.text


def test_the_root_url_redirects_to_the_readers_language(reader: FlaskClient) -> None:
    for asked, wanted in (("en-GB,en", "/en/"), ("ja", "/ja/"), ("fr", "/ja/")):
        answer = reader.get("/", headers={"Accept-Language": asked})
        assert (answer.status_code, answer.location) == (302, wanted)
        assert answer.headers["Vary"] == "Accept-Language"


def test_both_languages_say_everything() -> None:
    assert WORDS["ja"].keys() == WORDS["en"].keys()


@pytest.mark.parametrize(
    "wrong", ["comments.example", "javascript:alert(1)", "http://x; script-src *", "http://", "ftp://x"]
)
def test_a_wrong_service_address_is_refused_at_the_start(wrong: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        create_demo(wrong)


def test_the_conversation_is_about_the_articles_that_exist() -> None:
    assert sorted(CONVERSATION) == PATHS


def test_the_conversation_shows_every_kind_of_comment() -> None:
    statuses = [remark.status for remark in REMARKS]
    assert 28 <= statuses.count("approved") <= 36
    assert statuses.count("pending") == 5
    assert statuses.count("spam") == 4
    assert any(remark.status == "pending" and remark.body.count("https://") == 3 for remark in REMARKS)


def test_a_reply_is_newer_than_what_it_answers_and_answers_something_public() -> None:
    answers = [pair for remarks in CONVERSATION.values() for pair in walk(remarks) if pair[1]]
    assert len(answers) > 10
    for remark, parent in answers:
        assert parent is not None
        assert remark.minutes_ago < parent.minutes_ago
        assert parent.status == "approved"


def test_emails_and_links_name_example_domains_only() -> None:
    for remark in REMARKS:
        assert remark.staff or is_example(remark.email.partition("@")[2]), remark.email
        for word in [remark.website, *remark.body.split()]:
            at = word.find("http")
            assert at < 0 or is_example(urlsplit(word[at:]).hostname or ""), word


def is_example(host: str) -> bool:
    """Names that RFC 2606 and JPRS reserve for examples."""
    return ".".join(host.split(".")[-2:]) in ("example.com", "example.net", "example.org", "example.jp")


def test_on_this_machine_the_demo_has_one_name() -> None:
    assert public_url(parser().parse_args(["--host", "localhost", "--port", "9"])) == "http://127.0.0.1:9"
    assert public_url(parser().parse_args(["--host", "0.0.0.0"])) is None  # noqa: S104
    assert public_url(parser().parse_args(["--public-url", PUBLIC])) == PUBLIC


@pytest.mark.parametrize("goodbye", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_starts_and_stops_without_a_sound(goodbye: signal.Signals) -> None:
    port = free_port()
    command = [sys.executable, "-m", "demo", "--port", str(port), "--service", SERVICE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as demo:
        try:
            assert "The Shionagi Tide" in fetched(f"http://127.0.0.1:{port}/en/")
        finally:
            demo.send_signal(goodbye)
        said, _ = demo.communicate(timeout=START_LIMIT)
    assert (demo.returncode, said) == (0, b"")


def fetched(url: str) -> str:
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            with urlopen(url, timeout=5) as answer:  # noqa: S310 (our own server)
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
