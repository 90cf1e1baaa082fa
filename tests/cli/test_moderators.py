"""Commands that create sites and moderators; each error is one sentence."""

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.lib.passwords import verify
from app.models import AuditEvent, Delivery, Login, Moderator, Site
from app.web.access import session_lasts

GOOD = "correct horse battery\n"


def run(app: Flask, *words: str, typed: str = "", code: int = 0) -> str:
    done = app.test_cli_runner().invoke(args=list(words), input=typed)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def news(app: Flask) -> None:
    run(app, "site", "add", "news", "--name", "ニュース", "--origin", "https://News.Example:443/")


def test_a_new_site_has_its_origins_as_browsers_write_them(app: Flask, news: None) -> None:
    shown = json.loads(run(app, "site", "show", "news", "--json"))
    assert shown["origins"] == ["https://news.example"]
    assert shown["name"] == "ニュース"
    assert [site["key"] for site in json.loads(run(app, "site", "list", "--json"))] == ["news"]


def test_a_site_is_not_added_twice(app: Flask, news: None) -> None:
    said = run(app, "site", "add", "news", "--name", "N", "--origin", "https://n.example", code=1)
    assert "flask site set news" in said


@pytest.mark.parametrize("key", ["", "News", "a/b", "-a", "é", "a" * 65, "a\nb"])
def test_strange_keys_are_refused(app: Flask, key: str) -> None:
    assert "a-z" in run(app, "site", "add", "--name", "N", "--origin", "https://n.example", "--", key, code=1)


def test_settings_change_together_and_show_in_the_version(app: Flask, news: None) -> None:
    run(app, "site", "set", "news", "hold_all=no", "max_links=3", "origins=https://a.example,http://b.example:8080")
    shown = json.loads(run(app, "site", "show", "news", "--json"))
    assert (shown["hold_all"], shown["max_links"], shown["version"]) == (False, 3, 2)
    assert shown["origins"] == ["https://a.example", "http://b.example:8080"]


def test_an_origin_is_added_to_those_that_the_site_has(app: Flask, news: None) -> None:
    run(
        app,
        "site",
        "set",
        "news",
        "origins+=https://A.example",
        "origins+=https://news.example",
        "origins+=http://b.example",
    )
    shown = json.loads(run(app, "site", "show", "news", "--json"))
    assert shown["origins"] == ["https://news.example", "https://a.example", "http://b.example"]


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ("max_links=-1", "from 1 to 100, or 0 to turn it off"),
        ("max_links=٣", "from 1 to 100, or 0 to turn it off"),
        ("open=perhaps", "yes or no"),
        ("lang=xx", "ja, en"),
        ("origins=", "https://www.example.org"),
        ("origins=javascript:alert(1)", "https://www.example.org"),
        ("origins+=", "https://www.example.org"),
        ("origins+=https://a.example/path", "without a path"),
        ("name+=x", "hold_all"),
        ("origins=https://a.example/path", "without a path"),
        ("colour=red", "hold_all"),
        ("version=9", "hold_all"),
        ("avatar_key=0", "hold_all"),
        ("open", "hold_all"),
        ("name=", "1 to 200"),
    ],
)
def test_a_wrong_setting_changes_nothing_and_lists_the_allowed_values(
    app: Flask, news: None, change: str, hint: str
) -> None:
    before = run(app, "site", "show", "news", "--json")
    assert hint in run(app, "site", "set", "news", "max_depth=3", change, code=1)
    assert run(app, "site", "show", "news", "--json") == before


def test_an_unknown_site_is_answered_with_the_known_ones(app: Flask, news: None) -> None:
    assert "Sites: news" in run(app, "site", "show", "nwes", code=1)


def _add(app: Flask, email: str, *more: str, typed: str = GOOD, code: int = 0) -> str:
    words = ("moderator", "add", email, "--site", "news", "--password-stdin", *more)
    return run(app, *words, typed=typed, code=code)


def test_alice_moderates_with_the_password_that_came_in(app: Flask, news: None, db_session: Session) -> None:
    _add(app, "Alice@news.example", "--name", "Alice", "--role", "owner")
    (shown,) = json.loads(run(app, "moderator", "list", "--json"))
    assert (shown["name"], shown["sites"]) == ("Alice", {"news": "owner"})
    alice = Moderator.with_email("alice@NEWS.example")
    assert alice and verify(alice.password_hash, GOOD.strip())
    assert "password" not in shown
    assert "argon2" not in json.dumps(shown)


def test_alice_takes_a_second_site_with_her_old_password(app: Flask, news: None, db_session: Session) -> None:
    _add(app, "alice@news.example", "--name", "Alice")
    run(app, "site", "add", "blog", "--name", "Blog", "--origin", "https://b.example")
    said = run(app, "moderator", "add", "alice@news.example", "--site", "blog", "--role", "admin")
    assert "with the existing name and password" in said
    run(app, "moderator", "remove", "alice@news.example", "--site", "news")
    assert json.loads(run(app, "moderator", "list", "--json"))[0]["sites"] == {"blog": "admin"}


@pytest.mark.parametrize(
    ("email", "typed", "hint"),
    [
        ("alice@news.example", "short\n", "at least 12"),
        ("alice@news.example", "", "at least 12"),
        ("not-an-address", GOOD, "Invalid email address"),
        ("a@b.example\r\nBcc: c@d.example", GOOD, "Invalid email address"),
    ],
)
def test_a_moderator_who_could_not_log_in_is_not_added(
    app: Flask, news: None, email: str, typed: str, hint: str
) -> None:
    assert hint in _add(app, email, "--name", "Alice", typed=typed, code=1)
    assert json.loads(run(app, "moderator", "list", "--json")) == []


@pytest.mark.parametrize(
    ("typed", "said"),
    [("passwordpassword1", "leaked"), ("alice violet anchor", "your name"), ("ニュース violet anchor", "your name"),
     ("abababababab", "easy to guess"), ("\n", "at least 12"), ("x" * 2_000, "256")],
)  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_password_that_is_easy_to_guess_is_refused_by_the_command(
    app: Flask, news: None, typed: str, said: str
) -> None:
    assert said in _add(app, "alice@news.example", "--name", "Alice", typed=f"{typed}\n", code=1)
    _add(app, "alice@news.example", "--name", "Alice")
    command = ("moderator", "password", "alice@news.example", "--password-stdin")
    assert said in run(app, *command, typed=f"{typed}\n", code=1)


def test_a_new_password_ends_all_log_ins(app: Flask, news: None, client: FlaskClient, db_session: Session) -> None:
    _add(app, "alice@news.example", "--name", "Alice")
    alice = Moderator.with_email("alice@news.example")
    assert alice
    Login.start(alice, session_lasts())
    db_session.commit()
    run(app, "moderator", "password", "alice@news.example", "--password-stdin", typed="another good password\n")
    db_session.expire_all()
    assert db_session.query(Login).count() == 0
    assert verify(alice.password_hash, "another good password")


def test_the_operator_changes_an_address_and_the_old_one_is_told(app: Flask, news: None, db_session: Session) -> None:
    _add(app, "alice@news.example", "--name", "Alice")
    _add(app, "bob@news.example", "--name", "Bob")
    for wrong in ("nobody", "Bob@news.example", "alice@"):
        run(app, "moderator", "email", "alice@news.example", wrong, code=1)
    said = run(app, "moderator", "email", "alice@news.example", "alice@Elsewhere.example")
    assert "is now alice@elsewhere.example" in said
    alice = Moderator.with_email("alice@elsewhere.example")
    assert alice and alice.name == "Alice" and Moderator.with_email("alice@news.example") is None
    assert "alice@news.example" in db_session.query(Delivery).filter_by(kind="account").one().payload
    assert [each.actor for each in db_session.query(AuditEvent).filter_by(event="email_changed")] == ["operator"]


def test_a_removed_moderator_is_gone_but_the_site_stays(app: Flask, news: None, db_session: Session) -> None:
    _add(app, "alice@news.example", "--name", "Alice")
    Login.start(Moderator.all()[0], session_lasts())
    db_session.commit()
    run(app, "moderator", "remove", "alice@news.example")
    assert Moderator.all() == [] and db_session.query(Login).count() == 0
    assert Site.with_key("news")
    assert "No moderator" in run(app, "moderator", "remove", "alice@news.example", code=1)


@pytest.mark.parametrize("words", ["site", "site add", "site set", "moderator add", "worker", "check", "upkeep prune"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_command_explains_itself(app: Flask, words: str) -> None:
    assert "Usage:" in run(app, *words.split(), "--help")
