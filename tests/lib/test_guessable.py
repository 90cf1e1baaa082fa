"""Passwords that attackers try first are refused, with the reason; others are taken whatever their characters."""

from collections.abc import Iterator
from hashlib import sha512

import pytest
from flask import Flask
from flask_babel import force_locale

from app import create_app
from app.lib import guessable
from app.lib.guessable import refusal
from app.lib.passwords import hash_password, verify

OWN = ["Alice O’Neil", "a.liddell", "Paper Online", "comments newsroom", "田中 花子"]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app({"SECRET_KEY": "k" * 64}, instance=tmp_path_factory.mktemp("instance"))


@pytest.fixture(autouse=True)
def _english(application: Flask) -> Iterator[None]:
    with application.test_request_context(), force_locale("en"):
        yield


@pytest.mark.parametrize(
    "leaked",
    ["passwordpassword", "Password123456", "PASSWORD1234", "password2026!!", "!!!password!!!", "p@ssw0rd2026!",
     "P@$$w0rd123!", "iloveyou123456",
     "correcthorsebatterystaple", "CorrectHorseBatteryStaple",
     "sunshine2026!!", "monkey!!!!!!!", "1234dragon5678", "ｐａｓｓｗｏｒｄ１２３４", "letmein letmein",
     "trustno1trustno1"],
)  # fmt: skip
def test_leaked_and_common_ones_are_refused_in_any_spelling(leaked: str) -> None:
    assert "leaked" in refusal(leaked) or "repeats" in refusal(leaked)


@pytest.mark.parametrize(
    "pattern",
    ["aaaaaaaaaaaa", "abababababab", "abcabcabcabc", "123123123123", "123456789012", "098765432109", "qwertyuiop12",
     "1qaz2wsx3edc", "abcdefghijkl", "zyxwvutsrqpo", "aaaabbbbcccc", "111222333444", "ああああああああああああ",
     "            ",
     "secretsecret", "x1y2x1y2x1y2x1", "!@#$%^&*()!@"],
)  # fmt: skip
def test_patterns_are_refused(pattern: str) -> None:
    assert "easy to guess" in refusal(pattern)


@pytest.mark.parametrize(
    "own",
    ["kaiwa violet anchor", "K41WA violet anchor", "k.a.i.w.a violet!", "violet alice anchor",
     "AL1CE violet anchor",
     "liddell-anchor-violet", "paperonline2026!x", "the newsroom violet",
     "田中violetanchor", "花子さんのひみつのことば",
     "ＡＬＩＣＥ　ｖｉｏｌｅｔ　ａ"],
)  # fmt: skip
def test_own_words_are_refused_in_any_spelling(own: str) -> None:
    assert "your name" in refusal(own, OWN)


def test_short_own_words_are_refused_where_little_else_is_left() -> None:
    assert "your name" in refusal("bob--bob--bob 42", ["Bob"])
    assert refusal("bobsled winter anchor", ["Bob"]) == ""


@pytest.mark.parametrize(
    "good",
    ["correct horse battery", "violet anchor tundra", "Tr0ub4dor&3-xyz", "q8#Vz!mT2@Lp", "839204857316",
     "青い自転車と古い図書館の猫",
     "пароль не угадать",
     "🦊🐙🌵🚲🎻🧊🪁🧭🥁🍋🗝🧵", "e\u0301te\u0301 a\u0300 la plage",
     " leading and trailing ", "with\ttab and \x00 nul", "<script>alert(1)</script>"],
)  # fmt: skip
def test_other_passwords_are_taken_whatever_their_characters(good: str) -> None:
    assert refusal(good, OWN) == ""
    assert verify(hash_password(good), good)


def test_length_is_counted_in_code_points_and_bounded() -> None:
    assert refusal("q8#Vz!mT2@L") == "Use at least 12 characters."
    assert refusal("鍵庭虹鯨峠凪蛍雫杜苔椿") == "Use at least 12 characters."
    assert refusal("鍵庭虹鯨峠凪蛍雫杜苔椿鷺") == ""
    assert refusal(sha512(b"a").hexdigest() + sha512(b"b").hexdigest()) == "", "256"
    assert refusal("violet anchor " * 19)[:7] == "Use 256"
    assert not verify(hash_password("violet anchor tundra"), "x" * 1_000_000)


def test_the_same_characters_in_another_form_are_the_same_password() -> None:
    assert verify(hash_password("ｖｉｏｌｅｔ anchor été"), "violet anchor e\u0301te\u0301")


def test_each_reason_is_told_in_japanese() -> None:
    with force_locale("ja"):
        told = {
            refusal(each, OWN)
            for each in ("short", "x" * 300, "aaaaaaaaaaaa", "alice violet anchor", "passwordpassword1")
        }
    assert len(told) == 5 and all("。" in each for each in told)


def test_nothing_is_looked_up_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.socket", None)
    assert refusal("iloveyou123456") and not refusal("violet anchor tundra")


def test_long_input_costs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(guessable, "is_bad_password", lambda text: looked.append(text) or False)
    assert refusal("x" * 100_000) and looked == []
    refusal("aA1" * 80 + "violet")
    assert len(looked) < 40
