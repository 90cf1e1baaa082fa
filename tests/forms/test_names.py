"""Names: all languages are accepted; invisible and impersonating names are not."""

import json
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.forms.site import FIELDS
from app.lib.names import is_invisible
from app.lib.text import clean_line
from app.models import Site, Status
from app.screening.impersonation import claims_to_be_staff, is_disguised, mixes_alphabets
from app.transfer.load import _name
from tests.cast import PAGE, Reader, a_moderator, a_site, the_comment
from tests.cli.test_moderators import run

UNSEEN = ["\u2800", "\u3164", "\u2800\u2800 \u2800", "\u0301", "\u0301\u0302", "\u20dd", "\ufe0f", "\U000e0100",
          "\ue000", "\u200b", "\u2060\u2061", "\uffa0", "\U000e0041", "\u0378", "\U0010fffd", "\u115f\u1160",
          "\u180b", "\ufffc", "\U0001d159", "\U00013441\U00013442"]  # fmt: skip
DISGUISED = ["аdmin", "Adm1n", "ΑDMIN", "Моdеrаtоr", "Pаper", "Ρaper", "Al1ce", "Alιce", "モデレ一ター", "ᗩdmin",
             "0fficial", "|nfo аdmin", "Ѕtaff", "мiku", "Adrnin", "VVebmaster"]  # fmt: skip


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def paper(db_session: Session) -> Site:
    site = a_site(db_session, lang="en", name_required=False)
    a_moderator(db_session, site, "alice")
    return site


@pytest.mark.parametrize("name", UNSEEN)
def test_a_name_that_cannot_be_seen_is_refused_by_page_and_api(client: FlaskClient, paper: Site, name: str) -> None:
    page = Reader(client, name=name).post("Hello", lang="en")
    assert page.status_code == 422 and "name with visible characters" in page.text
    sent = {"site": "paper", "url": PAGE, "name": name, "body": "Hello", "email": "a@b.example"}
    program = client.post("/api/v1/comments", json=sent)
    assert program.status_code == 422 and list(program.json["errors"]) == ["name"]


@pytest.mark.parametrize("name", DISGUISED)
def test_a_name_that_passes_for_the_site_or_its_staff_is_refused(client: FlaskClient, paper: Site, name: str) -> None:
    answer = Reader(client, name=name).post("Hello", lang="en")
    assert answer.status_code == 422 and "mistaken for another" in answer.text


TOGETHER = ["Paper Admin", "The Moderators", "Paper (official)", "Support Team", "運営チーム", "管理人さん",
            "Paper編集部", "Bob (Admin)", "Team of Paper"]  # fmt: skip


@pytest.mark.parametrize("name", ["Paper", "ADMIN", "Ｐａｐｅｒ", "管理人", "a d m i n", "編集部", *TOGETHER])
def test_the_sites_own_name_and_words_for_its_staff_wait_for_a_moderator(
    client: FlaskClient, paper: Site, db_session: Session, name: str
) -> None:
    assert Reader(client, name=name).post("Hello").status_code == 202
    comment = the_comment(db_session, "Hello")
    assert comment.status == Status.PENDING
    assert "office" in {each["check"] for each in comment.reasons}


@pytest.mark.parametrize(
    "name",
    [
        "Alice",
        "",
        "  ",
        "匿名",
        "...",
        "😀",
        "Zoë",
        "O’Neil-Łuczak III",
        "Jean 🌸",
        "ΨΩ",
        "The Team",
        "Paperback Peter",
        "Support Group Jane",
    ],
)
def test_ordinary_names_are_published(client: FlaskClient, paper: Site, name: str) -> None:
    assert Reader(client, name=name).post("Hello").status_code == 201


def test_no_real_name_of_the_world_is_refused_or_held(shared_data: Path) -> None:
    rows = [json.loads(line) for line in (shared_data / "identity" / "names_world.jsonl").read_text().splitlines()]
    names = [name for row in rows for name in _spellings(row) if name]
    assert len(names) > 2000
    site = Site(key="paper", name="The Evening Paper", staff_badge="", staff_names=[])
    assert [name for name in names if is_invisible(clean_line(name)) or mixes_alphabets(name)] == []
    staff = [name for name in names if claims_to_be_staff(name, site)]
    assert staff == []


def _spellings(row: dict[str, str]) -> list[str]:
    if "name" in row:
        return [row["name"]]
    return [f"{row['given'] or ''} {row['family'] or ''}", f"{row['family'] or ''}{row['given'] or ''}"]


def test_a_text_of_the_longest_name_is_compared_fast_and_without_an_error(app: Flask, paper: Site) -> None:
    for piece in ("\u0316\u0301", "\U0001f1e6", "\u200d", "\ufdfa", "а", "I1l|"):
        name = (piece * 400)[:320]
        assert isinstance(mixes_alphabets(name), bool) and not is_disguised(name, paper)


def test_site_and_moderators_names_keep_the_same_rule(app: Flask, paper: Site) -> None:
    for name in (*UNSEEN, "Pаper"):
        with pytest.raises(ValueError):
            FIELDS["name"].parse(name)
    for name in (UNSEEN[0], "Pаper"):
        words = ("moderator", "add", "bob@b.example", "--name", name, "--site", "paper", "--password-stdin")
        assert "--name must have" in run(app, *words, typed="correct horse battery\n", code=1)


def test_an_import_shows_an_invisible_name_as_anonymous(app: Flask, paper: Site) -> None:
    assert [_name(name) for name in UNSEEN] == [""] * len(UNSEEN)
    assert _name("аdmin") == "аdmin", "a name that others know is kept"
