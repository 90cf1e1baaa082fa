"""An email address has one form, in whatever spelling it is typed or imported."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.lib import mailbox
from app.models import Author
from tests.cast import Reader, a_site, the_comment


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("taro@ｇｍａｉｌ.com", "taro@gmail.com"),
        ("ｔａｒｏ＠ｇｍａｉｌ．ｃｏｍ", "taro@gmail.com"),
        ("taro@gmail。com", "taro@gmail.com"),
        (" Taro@GMAIL.com ", "Taro@gmail.com"),
        ("taro@日本語.jp", "taro@xn--wgv71a119e.jp"),
        ("taro@xn--WGV71A119E.jp", "taro@xn--wgv71a119e.jp"),
        ("yamada..taro@Docomo.ne.jp", "yamada..taro@docomo.ne.jp"),
        ("yamada.@ezweb.ne.jp", "yamada.@ezweb.ne.jp"),
    ],
)
def test_an_address_is_stored_in_one_form(typed: str, stored: str) -> None:
    assert mailbox.check(typed) == stored == mailbox.one_form(typed) == mailbox.one_form(stored)


@pytest.mark.parametrize(
    "typed", ["", "@", "taro", "taro@", "@a.example", "花子@a.example", "taro@a b.example", "a" * 300]
)
def test_an_invalid_address_is_refused_and_has_a_form_all_the_same(typed: str) -> None:
    assert mailbox.one_form(mailbox.one_form(typed)) == mailbox.one_form(typed)
    with pytest.raises(ValueError):
        mailbox.check(typed)


def test_a_reader_is_no_stranger_in_another_spelling(app: Flask, db_session: Session) -> None:
    site = a_site(db_session)
    db_session.commit()
    assert Reader(app.test_client(), email="ｔａｒｏ＠ｇｍａｉｌ．ｃｏｍ").post("one").status_code in (201, 202)
    author = the_comment(db_session, "one").author
    assert author.email == "taro@gmail.com"
    for spelling in ("taro@gmail.com", "TARO@ｇｍａｉｌ.com", "taro@gmail。com"):
        assert str(Author.index_of(site, spelling)) == author.email_index
