"""Nothing is visible before every check has run, and a check that fails holds."""

from itertools import product
from time import sleep

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.extensions import db
from app.models import Status
from app.moderation import screening
from app.moderation.case import Finding, Verdict
from app.moderation.checks import CHECKS, sentence_of
from tests.cast import Reader, a_site, the_comment


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_strictest_verdict_wins_and_every_reason_is_kept(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_site(db_session)
    for verdicts in product(Verdict, repeat=3):
        checks = tuple(
            (lambda case, at=at, verdict=verdict: Finding(f"check{at}", verdict)) for at, verdict in enumerate(verdicts)
        )
        monkeypatch.setattr(screening, "CHECKS", checks)
        Reader(client).says(f"hello {verdicts}")
        comment = the_comment(db_session, f"hello {verdicts}")
        assert comment.status == screening.STATUS_OF[max(verdicts)]
        assert [reason["check"] for reason in comment.reasons] == ["check0", "check1", "check2"]


def _raises(case: object) -> None:
    raise ValueError("broken")


def _breaks_the_database(case: object) -> None:
    db.session.execute(text("SELECT nothing FROM nowhere"))


@pytest.mark.parametrize("broken", [_raises, _breaks_the_database])
def test_a_check_that_fails_holds_and_loses_nothing(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, broken
) -> None:
    a_site(db_session)
    monkeypatch.setattr(screening, "CHECKS", (broken,))
    assert Reader(client).says("kept").status_code == 202
    comment = the_comment(db_session, "kept")
    assert comment.status == Status.PENDING
    assert comment.reasons == [{"check": "failed", "verdict": "hold", "name": broken.__name__}]


def test_a_check_that_stalls_is_not_believed(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_site(db_session)
    monkeypatch.setattr(screening, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(screening, "CHECKS", (_stalls,))
    assert Reader(client).says("kept").status_code == 202
    assert the_comment(db_session, "kept").reasons == [{"check": "slow", "verdict": "hold", "name": "_stalls"}]


def _stalls(case: object) -> None:
    sleep(0.1)


@pytest.mark.parametrize("broken", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("how", [_raises, _breaks_the_database, _stalls])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whichever_check_breaks_nothing_is_published_and_nothing_lost(
    client: FlaskClient, db_session: Session, monkeypatch: pytest.MonkeyPatch, broken, how
) -> None:
    """The others still run, and what they found is kept beside it."""
    a_site(db_session)
    monkeypatch.setattr(screening, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(screening, "CHECKS", tuple(how if check is broken else check for check in CHECKS))
    assert Reader(client).says("https://bit.ly/a https://b.example").status_code == 202
    comment = the_comment(db_session, "https://bit.ly/a https://b.example")
    told = {reason["check"] for reason in comment.reasons}
    assert comment.status == Status.PENDING
    assert told - {broken.__name__} >= {"links", "shorteners"} - {broken.__name__}
    assert told & {"failed", "slow"}
    assert "bit.ly" not in Reader(client).sees().text


def test_the_number_of_links_that_holds_is_the_sites(client: FlaskClient, db_session: Session) -> None:
    site = a_site(db_session, max_links=2)
    assert Reader(client).says("one https://a.example").status_code == 201
    assert Reader(client).says("two https://a.example and https://b.example").status_code == 202
    site.max_links = 0
    db_session.commit()
    assert Reader(client).says("any https://a.example https://b.example https://c.example").status_code == 201


def test_reasons_are_told_in_words(app) -> None:
    with app.test_request_context(headers={"Accept-Language": "ja"}):
        assert sentence_of({"check": "links", "count": 3}) == "リンク 3 件"
    with app.test_request_context(headers={"Accept-Language": "en"}):
        assert sentence_of({"check": "links", "count": 3}) == "3 links"
        assert sentence_of({"check": "links", "count": 1}) == "1 link"
