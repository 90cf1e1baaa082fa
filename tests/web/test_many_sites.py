"""An account with many sites, and an installation with many: a page reads and shows what belongs to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, insert
from sqlalchemy.orm import Session

from app.comments import retention
from app.extensions import db
from app.models import Handover, Membership, Moderator, Role, Site
from app.moderation import receipts
from app.spam import settling
from tests.cast import Reader, a_moderator
from tests.statements import recorded
from tests.web.test_article_state import press
from tests.web.test_queue import ENGLISH

MANY = 130
# Statements of a page; one for each site would be far more.
MOST = 45
ABOUT_ALL = (
    "/moderate/", "/moderate/?lane=2&sort=likelihood", "/moderate/?status=approved&sort=worth", "/moderate/search",
    "/moderate/search?q=one&email=taro@readers.example", "/moderate/log", "/moderate/log/articles",
    "/moderate/log/picks", "/moderate/log/audit", "/moderate/notices", "/moderate/opinions",
    "/moderate/blocks", "/account", "/sites/",
)  # fmt: skip
ABOUT_ONE = ("settings", "embed", "figures", "moderators", "rules", "threads")


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    """An owner of the site and of many others."""
    alice = a_moderator(db_session, paper, "alice", Role.OWNER)
    sites = [
        {"key": f"site-{n:03}", "name": f"Paper {n:03}", "origins": [f"https://p{n}.example"]} for n in range(MANY)
    ]
    ids = db_session.scalars(insert(Site).returning(Site.id), sites).all()
    db_session.execute(insert(Membership), [{"moderator_id": alice.id, "site_id": id, "role": "owner"} for id in ids])
    db_session.commit()
    return alice


@contextmanager
def loaded(*kinds: type[Any]) -> Iterator[list[Any]]:
    """Records of these kinds that are read from the database within the block."""
    found: list[Any] = []
    for kind in kinds:
        event.listen(kind, "load", lambda record, _context: found.append(record))
    yield found


@pytest.mark.parametrize("page", [*ABOUT_ALL, *(f"/sites/paper/{name}" for name in ABOUT_ONE)])
def test_a_page_reads_neither_all_sites_nor_all_memberships(
    app: Flask, desk: FlaskClient, paper: Site, page: str
) -> None:
    Reader(app.test_client()).post("one")
    with app.app_context(), recorded(db.engine) as asked, loaded(Site, Membership) as records:
        answer = desk.get(page)
    assert answer.status_code == 200 and len(asked) <= MOST
    most = 2 * 51 if page == "/sites/" else 12
    assert len(records) <= most and answer.text.count("Paper 1") <= 50


def test_a_preflight_loads_no_site(app: Flask, client: FlaskClient, alice: Moderator) -> None:
    with loaded(Site) as records:
        for origin, allowed in (("https://p7.example", True), ("https://nowhere.example", False)):
            answer = client.options("/embed/comments", headers={"Origin": origin})
            assert ("Access-Control-Allow-Origin" in answer.headers) == allowed
    assert not records


def test_the_sites_are_found_page_by_page_and_by_name_or_key(desk: FlaskClient) -> None:
    first, last = desk.get("/sites/").text, desk.get("/sites/?page=3").text
    assert first.count("<h2>") == 50 and "/sites/?page=2" in first and "Paper 000" in first
    assert last.count("<h2>") == MANY + 1 - 100 and 'rel="next"' not in last
    assert desk.get("/sites/?q=paper+129").text.count("<h2>") == desk.get("/sites/?q=site-129").text.count("<h2>") == 1
    assert (
        "No results." in desk.get("/sites/?q=%25", headers=ENGLISH).text
        and desk.get("/sites/?page=x").status_code == 200
    )


def test_one_of_many_sites_is_typed_into_the_filter_of_the_log(app: Flask, desk: FlaskClient) -> None:
    Reader(app.test_client()).post("one")
    for typed, found in (("paper", True), ("Paper 001", False), ("site-001", False), ("", True)):
        page = desk.get("/moderate/log", query_string={"site": typed, "by": "all"}, headers=ENGLISH).text
        assert ("data-decision-id" in page) == found and "None of your sites has" not in page
    unknown = desk.get("/moderate/log?site=nowhere&by=all", headers=ENGLISH)
    assert "None of your sites has this key or name." in unknown.text and "data-decision-id" not in unknown.text
    assert desk.get("/moderate/log.csv?site=nowhere", buffered=True).text.count("\n") == 1
    assert desk.get("/moderate/log/audit?site=paper").status_code == 200


def test_the_site_of_a_hand_over_note_is_typed(desk: FlaskClient, db_session: Session) -> None:
    assert '<input id="handover-site"' in desk.get("/moderate/").text
    wrong = press(desk, "/moderate/handover", site="nowhere", text="Note")
    assert wrong.status_code == 404 and "None of your sites has this key." in wrong.text
    assert press(desk, "/moderate/handover", site=" site-007 ", text="Note").status_code == 303
    assert db_session.query(Handover).one().site.key == "site-007"


def test_names_above_replies_are_kept_on_sites_that_are_not_listed(
    desk: FlaskClient, db_session: Session, alice: Moderator
) -> None:
    mine = db_session.query(Membership).join(Site).filter(Site.key == "site-005").one()
    mine.alias = "The editors"
    db_session.commit()
    assert desk.get("/account").text.count('-alias"') <= 6
    assert press(desk, "/account/name", name="Alice", **{"site-005-alias": "Letters"}).status_code == 303
    db_session.refresh(mine)
    assert mine.alias == "Letters"


def test_the_worker_and_upkeep_ask_once_which_sites_have_work(app: Flask, alice: Moderator) -> None:
    with app.app_context():
        for work in (retention.forget_all, settling.settle_all, receipts.close_days):
            with recorded(db.engine) as asked, loaded(Site) as records:
                assert list(work()) == []
            assert len(asked) <= 20 and not records
        with recorded(db.engine) as asked:
            assert not retention.count_all().total()
        assert len(asked) <= 20


def test_flask_check_costs_the_same_for_many_sites(app: Flask, alice: Moderator) -> None:
    with app.app_context(), recorded(db.engine) as asked, loaded(Site) as records:
        app.test_cli_runner().invoke(args=["check"])
    assert len(asked) <= 150 and len(records) <= 2


def test_the_list_of_accounts_costs_the_same_for_many_sites(app: Flask, alice: Moderator) -> None:
    with app.app_context(), recorded(db.engine) as asked:
        listed = app.test_cli_runner().invoke(args=["moderator", "list"]).output
    assert "site-129:owner" in listed and len(asked) <= 10


def test_an_account_knows_its_sites_and_roles_after_a_change(alice: Moderator, db_session: Session) -> None:
    assert alice.role_on(alice.site_ids[-1]) == Role.OWNER and alice.role_on(10**9) is None
    db_session.delete(alice.membership_on(alice.site_ids[-1]))
    db_session.commit()
    db_session.refresh(alice)
    assert len(alice.site_ids) == MANY
