"""Site settings: the page has every setting of the command; an origin is scheme, host and port."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.forms.site import FIELDS
from app.forms.site_page import GROUPS, SettingsForm
from app.lib.urls import is_origin
from app.transfer.lines import _can_work
from tests.cast import PAGE, a_site

ODD_ORIGINS = [
    "https://a.example;script-src *", "https://a.example;", "https://*.example", "https://*", "*", "null", "'self'",
    "https://a.example'self'", 'https://a".example', "https://a.example/path", "https://a.example//", "https://a.example?x",
    "https://a.example#x", "https://me@a.example", "https://me:pw@a.example", "https://a.example:0",
    "https://a.example:65536", "https://a.example:8o", "https://a.example:-1", "https:///", "https://", "a.example",
    "//a.example", "javascript:alert(1)", "data:text/html,x", "ftp://a.example", "https:a.example",
    "https://a%3Bb.example", "https://a%20b.example", "https://a\x00.example", "https://a.example\\@b.example",
    "https://a\u2028b.example", "https://[::1", "https://a..b", "https://.", "https://a|b", "https://a^b", "https://a{b}",
    "https://a!b", "https://(a)", "https://a&b", "https://a=b", "https://" + "a" * 254, "https://a.example:80 ;x",
]  # fmt: skip


def test_every_setting_stands_on_the_page_once() -> None:
    shown = [name for _heading, labels in GROUPS for name in labels]
    assert sorted(shown) == sorted(FIELDS)


@pytest.mark.parametrize("typed", ODD_ORIGINS)
def test_anything_but_scheme_host_and_port_is_no_origin(typed: str) -> None:
    assert not is_origin(typed)
    with pytest.raises(ValueError):
        FIELDS["origins"].parse(typed)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("HTTPS://News.Example/", "https://news.example"),
        ("https://例え.jp", "https://xn--r8jz45g.jp"),
        ("http://a.example:80", "http://a.example"),
        ("https://a.example:8443", "https://a.example:8443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://127.1", "http://127.0.0.1"),
        ("https://a_b.example", "https://a_b.example"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(typed: str, read: str) -> None:
    assert FIELDS["origins"].parse(f" {typed}, {typed}\n") == [read]
    assert is_origin(read)


def test_an_archive_with_such_an_origin_is_refused() -> None:
    fine = {"origins": ["https://a.example"], "lang": "ja", "timezone": "UTC", "max_depth": 5, "page_size": 50,
            "avatar_key": "ab"}  # fmt: skip
    assert _can_work(fine)
    for typed in [*ODD_ORIGINS, "https://A.example", "https://a.example/", 5, None]:
        assert not _can_work(fine | {"origins": [typed]}), typed


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_stored_origin_that_is_none_reaches_no_header(app: Flask, db_session: Session) -> None:
    a_site(db_session, origins=["https://paper.example", *ODD_ORIGINS[:8], "https://a.example\r\nX-Evil: 1"])
    answer = app.test_client().get("/thread", query_string={"site": "paper", "url": PAGE})
    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200 and "X-Evil" not in answer.headers
    assert policy.endswith("frame-ancestors 'self' https://paper.example")


SWITCHED = [name for name, setting in FIELDS.items() if setting.off is not None]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_switch_stands_for_the_number_that_means_off(app: Flask, db_session: Session) -> None:
    site = a_site(db_session, **{name: FIELDS[name].off for name in SWITCHED})
    with app.test_request_context(method="POST"):
        form = SettingsForm.of(site)
        for name in SWITCHED:
            assert form.switch_of(name).data is True and form[name].data == ""
        assert {name: form.values()[name] for name in SWITCHED} == {name: FIELDS[name].off for name in SWITCHED}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_without_its_switch_a_number_counts_as_typed(app: Flask, db_session: Session) -> None:
    site = a_site(db_session)
    kept = {name: getattr(site, name) for name in FIELDS}
    typed = {name: str(value) for name, value in kept.items() if isinstance(value, int | str)} | {"origins": PAGE[:21]}
    with app.test_request_context(method="POST", data=typed | {"max_links": "3", "close_after_days": "0"}):
        form = SettingsForm(meta={"csrf": False})
        assert form.validate(), form.errors
        assert (form.values()["max_links"], form.values()["close_after_days"]) == (3, 0)
    with app.test_request_context(method="POST", data=typed | {"max_links": "3", "max_links_off": "y"}):
        assert SettingsForm(meta={"csrf": False}).values()["max_links"] == 0
    with app.test_request_context(method="POST", data=typed | {"max_links": "", "spam_one_in": "19"}):
        form = SettingsForm(meta={"csrf": False})
        assert not form.validate() and set(form.errors) == {"max_links", "spam_one_in"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_time_zone_that_is_not_offered_is_not_replaced_silently(app: Flask, db_session: Session) -> None:
    site = a_site(db_session, timezone="Mars/Olympus")
    with app.test_request_context():
        assert 'selected value="Mars/Olympus"' in SettingsForm.of(site).timezone()
