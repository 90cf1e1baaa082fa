"""Checks that a site turns on: hold, mark, and try on past comments."""

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.forms.house_checks import HOUSE_CHECKS
from app.models import Moderator, Role, Site, Status
from app.moderation import covers
from app.screening import house_checks
from app.screening.reasons import found_in, sentence_of
from tests.cast import Reader, a_moderator, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk, paper

__all__ = ["paper"]

PHONE = "電話は090-1234-5678です"
ENGLISH_TEXT = "A text in another language"
# Each check, what it holds and what it lets through.
EACH = {
    "hold_no_japanese": (ENGLISH_TEXT, "同意"),
    "least_japanese": ("ok、了解", "とても参考になりました"),
    "hold_phone_numbers": (PHONE, "090は携帯の番号です"),
    "hold_postal_addresses": ("東京都千代田区丸の内1-9-1", "東京都千代田区丸の内"),
    "hold_my_numbers": ("1234-5678-9012", "1234-5678"),
    "hold_emails": ("taro[at]example.com", "taro@"),
}


@pytest.fixture
def open_paper(db_session: Session, paper: Site) -> Site:
    """Publishes at once, unless a check holds."""
    paper.hold_all, paper.approvals_needed, paper.min_seconds = False, 0, 0
    db_session.commit()
    return paper


@pytest.mark.parametrize("setting", EACH)
def test_a_check_holds_only_when_it_is_on(
    client: FlaskClient, db_session: Session, open_paper: Site, setting: str
) -> None:
    held, fine = EACH[setting]
    assert Reader(client).post(held).status_code == 201
    setattr(open_paper, setting, 5 if setting == "least_japanese" else True)
    db_session.commit()
    assert Reader(client).post(f"{held}。").status_code == 202
    assert Reader(client).post(fine).status_code == 201
    comment = the_comment(db_session, f"{held}。")
    assert comment.status == Status.PENDING
    assert [reason["check"] for reason in comment.reasons if reason["verdict"] == "hold"] in (
        ["japanese"],
        ["personal"],
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_reason_names_the_kinds_and_marks_the_passages(
    app: Flask, client: FlaskClient, db_session: Session, open_paper: Site
) -> None:
    open_paper.hold_phone_numbers = open_paper.hold_emails = True
    db_session.commit()
    Reader(client).post(f"{PHONE}、taro@example.com")
    reasons = the_comment(db_session, f"{PHONE}、taro@example.com").reasons
    assert found_in(reasons) == ["090-1234-5678", "taro@example.com"]
    with app.test_request_context(headers=ENGLISH):
        [told] = [sentence_of(reason) for reason in reasons if reason["check"] == "personal"]
        assert told == "personal data: telephone number, email address"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_covered_passage_stands_in_no_reason(
    client: FlaskClient, db_session: Session, open_paper: Site, alice: Moderator
) -> None:
    open_paper.hold_phone_numbers = True
    db_session.commit()
    Reader(client).post(PHONE)
    comment = the_comment(db_session, PHONE)
    made = covers.cover(comment, ["090-1234-5678"], seen=comment.version, by=alice)
    assert found_in(comment.reasons) == [] and "1234" not in str(comment.reasons)
    db_session.commit()
    covers.undo(made, by=alice)
    assert found_in(comment.reasons) == ["090-1234-5678"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("同意", 2),
        ("日本語です https://example.jp/日本", 5),
        ("本店地址在北京市朝阳区建国路八十八号", 0),
        ("コーヒー", 4),
        ("👍👍", 0),
    ],
)
def test_japanese_characters_are_counted_outside_links(text: str, count: int) -> None:
    assert house_checks.japanese_in(text) == count


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_tries_all_checks_on_past_comments(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    a_moderator(db_session, paper, "olga", Role.ADMIN)
    desk = at_the_desk(app, "olga")
    empty = desk.get("/sites/paper/house-checks", headers=ENGLISH)
    assert "No comments yet." in empty.text
    for text in (ENGLISH_TEXT, PHONE, "ふつうのコメント"):
        Reader(client).post(text)
    page = BeautifulSoup(desk.get("/sites/paper/house-checks", headers=ENGLISH).text, "html.parser")
    sections = {each["aria-labelledby"].removeprefix("trial-"): each.text for each in page.select("main section.sheet")}
    assert list(sections) == list(HOUSE_CHECKS)
    assert (
        "Would have held 1 comment" in sections["hold_phone_numbers"]
        and "090-1234-5678" in sections["hold_phone_numbers"]
    )
    assert "Would have held 1 comment" in sections["hold_no_japanese"] and ENGLISH_TEXT in sections["hold_no_japanese"]
    assert "Would have held none." in sections["hold_my_numbers"]
    assert "Enter a number" in sections["least_japanese"]
    assert the_comment(db_session, PHONE).reasons == [
        reason for reason in the_comment(db_session, PHONE).reasons if reason["check"] != "personal"
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_moderators_without_further_rights_do_not_see_the_page(app: Flask, alice: Moderator) -> None:
    assert at_the_desk(app).get("/sites/paper/house-checks").status_code == 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_dry_run_leaves_out_replies_by_staff_and_deleted_texts(
    client: FlaskClient, db_session: Session, paper: Site
) -> None:
    for number in range(3):
        Reader(client).post(f"{ENGLISH_TEXT} {number}")
    the_comment(db_session, f"{ENGLISH_TEXT} 0").badge = "Editors"
    db_session.commit()
    the_comment(db_session, f"{ENGLISH_TEXT} 1").empty()
    db_session.commit()
    tried = house_checks.dry_run(paper)
    assert (tried.looked_at, tried.trials[0].count) == (1, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_dry_run_ends_after_so_many_characters(
    client: FlaskClient, db_session: Session, paper: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        Reader(client).post(f"コメント{number}")
    monkeypatch.setattr(house_checks, "MOST_CHARACTERS", 10)
    assert house_checks.dry_run(paper).looked_at == 2
