"""An installation with more languages than ours: tags of any form work wherever a language is chosen."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel import UnknownLocaleError
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from app.comments.orders import ORDERS, Order
from app.lib import language
from app.server import cache_key
from app.web import embed
from tests.cast import ORIGIN, PAGE, PASSWORD, Reader, a_moderator, a_site

CHINESE = {
    "Leave a comment": "發表留言",
    "Log in": "登入",
    "Couldn’t load comments.": "無法載入留言。",
    "%(num)d comment": ("%(num)d 則留言",),
}


@pytest.fixture(autouse=True)
def more_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ours = language.TRANSLATIONS
    for name in ("ja", "zh_Hant", "pt_BR"):
        folder = tmp_path / name / "LC_MESSAGES"
        folder.mkdir(parents=True)
        compiled = (ours / "ja" / "LC_MESSAGES" / "messages.mo").read_bytes() if name == "ja" else a_catalogue(name)
        (folder / "messages.mo").write_bytes(compiled)
    monkeypatch.setattr(language, "TRANSLATIONS", tmp_path)
    forget()
    yield
    forget()


def forget() -> None:
    for remembered in (language.languages, language._catalogue, embed._script):
        remembered.cache_clear()


def a_catalogue(name: str) -> bytes:
    catalogue = Catalog(locale=name)
    for message, text in CHINESE.items() if name == "zh_Hant" else ():
        catalogue.add((message, message + "s") if isinstance(text, tuple) else message, text)
    file = BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


@pytest.mark.parametrize(
    ("tag", "used"),
    [
        ("zh-Hant", "zh-Hant"), ("ZH-HANT-TW", "zh-Hant"), ("zh_Hant_HK", "zh-Hant"), ("zh-TW", "zh-Hant"),
        ("zh-Hans", ""), ("zh", ""), ("pt-BR", "pt-BR"), ("pt", "pt-BR"), ("en-GB-oxendict", "en"), ("ja-JP", "ja"),
        ("jav", ""), ("english", ""), ("", ""), ("*", ""), ("-", ""), ("zh-Hant" + "-x" * 100, ""),
    ],
)  # fmt: skip
def test_a_tag_is_looked_up_from_its_longest_form(tag: str, used: str) -> None:
    assert language.matching(tag) == used


@given(st.text(max_size=40) | st.from_regex(r"[a-z]{1,4}([-_@.][a-zA-Z0-9]{1,8}){0,4}", fullmatch=True))
def test_any_tag_gives_an_installed_language_or_none(tag: str) -> None:
    assert language.matching(tag) in ("", *language.languages())


@pytest.mark.parametrize(
    ("header", "used"),
    [
        ("zh-Hant-TW,zh;q=0.8,en;q=0.5", "zh-Hant"), ("fr,zh-TW;q=0.7,en;q=0.5", "zh-Hant"), ("en;q=0.2,ja", "ja"),
        ("fr-CH, *;q=0.1", ""), ("en;q=0, ja;q=0.1", "ja"), ("", ""),
    ],
)  # fmt: skip
def test_a_browser_gets_what_it_likes_best(header: str, used: str) -> None:
    assert language.preferred(parse_accept_header(header, LanguageAccept)) == used


def test_a_header_of_a_thousand_languages_costs_no_more_than_one_of_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    monkeypatch.setattr(language, "matching", lambda tag: looked_up.append(tag) or "")
    letters = "abcdefghijklmnopqrstuvwxyz"
    header = ",".join(f"{first}{second}" for first in letters for second in letters)
    assert language.preferred(parse_accept_header(header, LanguageAccept)) == ""
    assert len(looked_up) == language.MOST_ASKED


def test_the_default_comes_first_and_english_needs_no_catalogue() -> None:
    assert language.languages() == ("ja", "en", "pt-BR", "zh-Hant")


@pytest.mark.parametrize("folder", ["zh_Hant_HK", "nonsense"])
def test_a_catalogue_with_a_tag_that_cannot_be_kept_is_refused(tmp_path: Path, folder: str) -> None:
    place = tmp_path / folder / "LC_MESSAGES"
    place.mkdir(parents=True)
    (place / "messages.mo").write_bytes(a_catalogue("ja"))
    language.languages.cache_clear()
    with pytest.raises((ValueError, UnknownLocaleError), match=r"longer|unknown"):
        language.languages()


@pytest.mark.parametrize("lang", ["zh-Hant", "zh-Hant-TW", "zh-tw"])
def test_a_reader_gets_a_thread_in_such_a_language(client: FlaskClient, db_session: Session, lang: str) -> None:
    a_site(db_session)
    Reader(client).post("hello")
    page = Reader(client).get_thread(lang=lang).text
    assert 'lang="zh-Hant"' in page and "發表留言" in page and "1 則留言" in page and "lang=zh-Hant" in page


def test_untranslated_messages_are_english(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, lang="pt-BR")
    page = Reader(client).get_thread().text
    assert 'lang="pt-BR"' in page and "Post comment" in page


def test_a_language_that_is_not_installed_gives_the_sites(client: FlaskClient, db_session: Session) -> None:
    a_site(db_session, lang="zh-Hant")
    for lang in ("fr", "xx-YY", "jav"):
        assert 'lang="zh-Hant"' in Reader(client).get_thread(lang=lang).text


def test_the_page_cache_tells_languages_apart_and_their_spellings_not() -> None:
    def asked(lang: str) -> str:
        found = cache_key.key_of("/thread", f"site=paper&url={PAGE}&lang={lang}")
        assert found
        return found.query

    assert asked("zh-Hant") == asked("zh-hant-tw") == asked("zh-TW") != asked("pt-BR")
    assert asked("xx") == asked("")


def test_the_widget_carries_the_sentences_of_each(client: FlaskClient) -> None:
    script = client.get("/embed.js").text
    assert '"zh-hant":{"unread":"無法載入留言。"' in script and '"pt-br":{"unread":"' in script


def test_a_moderator_chooses_among_all(app: Flask, client: FlaskClient, db_session: Session) -> None:
    alice = a_moderator(db_session, a_site(db_session))
    # Forms without a token: only the chosen language matters here.
    app.config["WTF_CSRF_ENABLED"] = False
    page = client.get("/login?lang=zh-Hant").text
    assert "登入" in page and page.count("hreflang=") == 4 and "português (Brasil)" in page
    client.post("/login", data={"email": alice.email, "password": PASSWORD})
    client.post("/account/language", data={"lang": "zh-Hant"})
    assert 'lang="zh-Hant" aria-pressed="true"' in client.get("/moderate/").text
    client.post("/account/language", data={"lang": "zh-Hant-TW"})
    client.post("/account/language", data={"lang": "fr"})
    db_session.expire_all()
    assert alice.lang == "zh-Hant"


def test_a_site_speaks_it_by_command_and_by_form(app: Flask, client: FlaskClient, db_session: Session) -> None:
    def flask(*words: str) -> str:
        return app.test_cli_runner().invoke(args=["site", *words]).output

    assert "ja|en|pt-BR|zh-Hant" in flask("add", "--help")
    flask("add", "paper", "--name", "Paper", "--origin", ORIGIN, "--lang", "zh-hant", "--timezone", "Asia/Taipei")
    assert "lang=zh-Hant" in flask("show", "paper")
    assert "ja, en, pt-BR, zh-Hant" in flask("set", "paper", "lang=fr")
    flask("set", "paper", "lang=pt-BR")
    assert "lang=pt-BR" in flask("show", "paper")


def test_a_third_order_needs_one_more_entry(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ORDERS, "latest", Order("Latest", newest_first=True))
    cache_key._key_of.cache_clear()
    a_site(db_session)
    for body in ("apple", "banana"):
        Reader(client).post(body)
    page = Reader(client).get_thread(lang="en").text
    assert page.count('class="sort"') == 2 and "sort=latest" in page and page.index("apple") < page.index("banana")
    page = Reader(client).get_thread(lang="en", sort="latest").text
    assert page.index("banana") < page.index("apple")
    assert 'data-sort="latest"' in page and "data-newest-first" in page
    found = cache_key.key_of("/thread", f"site=paper&url={PAGE}&sort=latest")
    assert found and "sort=latest" in found.query
