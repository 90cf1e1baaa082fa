"""Second opinions at the desk: blind everywhere until they are given, then a case; log and exports as before."""

import io
import json
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.database import snapshot
from app.desk import search, settings
from app.extensions import db
from app.models import AskedOpinion, Comment, Moderator, Note, Reason, Role, SecondOpinion, Site, Status
from app.models.audit import Who
from app.models.report import Reporter
from app.moderation.decide import decide
from app.moderation.reports import report
from app.notify.decision_links import link_for
from app.search.query import SearchQuery
from app.transfer import archive
from tests.cast import Reader, a_moderator, a_site, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk, cards, hidden, press

TEXT = "Ferries are loud"
LANE = "/moderate/opinions"
PAGE = "/sites/paper/opinions"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, lang="en", second_opinions=100)


@pytest.fixture
def bob(db_session: Session, alice: Moderator, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, "bob", Role.ADMIN)


@pytest.fixture
def desk(app: Flask, bob: Moderator) -> FlaskClient:
    return at_the_desk(app, "bob")


def written(app: Flask, db_session: Session, body: str = TEXT) -> Comment:
    Reader(app.test_client()).post(body)
    return the_comment(db_session, body)


def decided(comment: Comment, status: Status, by: Moderator, reason: str = "") -> None:
    decide(comment, status, seen=comment.version, by=by, reason=reason)
    db.session.commit()


def send(desk: FlaskClient, path: str, *, fetch: bool = False, **form: str) -> TestResponse:
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    headers = ENGLISH | ({"X-Requested-With": "fetch"} if fetch else {})
    return desk.post(path, data={"csrf_token": token} | form, headers=headers, follow_redirects=not fetch)


def without_tokens(page: str) -> str:
    soup = BeautifulSoup(page, "html.parser")
    for each in soup.select("[name=csrf_token]"):
        each.decompose()
    return str(soup)


def test_the_card_is_the_same_whatever_was_decided(
    app: Flask, db_session: Session, alice: Moderator, desk: FlaskClient
) -> None:
    comment = written(app, db_session)
    decided(comment, Status.APPROVED, alice)
    seen = []
    question = db_session.query(AskedOpinion).one()
    for status, reason in ((Status.APPROVED, ""), (Status.REJECTED, Reason.HATE), (Status.SPAM, Reason.SPAM)):
        comment.status, comment.score = status, 0.9
        question.decision.to_status, question.decision.reason = status, reason
        db_session.commit()
        answer = desk.get(LANE, headers=ENGLISH)
        (card,) = cards(answer)
        seen.append((without_tokens(answer.text), answer.headers.get("ETag"), len(card.select("[data-key]"))))
    assert len({page for page, _etag, _keys in seen}) == 1 and TEXT in seen[0][0]
    assert {etag for _page, etag, _keys in seen} == {None}
    assert {each["data-key"] for each in card.select("[data-key]")} == set("jkarsd")
    assert not {"approved", "rejected", "spam"} & {str(card.get("data-status")), *card["class"]}
    assert "Alice" not in card.text and "%" not in card.text


def test_a_difficult_text_is_covered_whatever_was_decided(
    app: Flask, db_session: Session, alice: Moderator, desk: FlaskClient
) -> None:
    """Also one that readers reported before, but not by a report that only an approval allows."""
    threat, reported, kind = (written(app, db_session, each) for each in ("I will kill you.", "Vermin.", TEXT))
    decided(reported, Status.APPROVED, alice)
    db_session.execute(delete(AskedOpinion))
    report(reported, reader=Reporter("r" * 43), reason=Reason.HATE)
    seen = []
    for status in (Status.SPAM, Status.REJECTED, Status.APPROVED):
        for comment in (threat, reported, kind):
            db_session.refresh(comment)
            decided(comment, status, alice)
        page = BeautifulSoup(desk.get(LANE, headers=ENGLISH).text, "html.parser")
        veils = page.select("details.veil")
        assert [veil.select_one(".body").text.strip() for veil in veils] == ["I will kill you.", "Vermin."]
        assert {veil.summary.text.split("Show")[0].strip() for veil in veils} == {"Text covered"}, "not why"
        assert {veil.summary["data-key"] for veil in veils} == {"o"}
        seen.append(len(page.select("[data-reminder]")))
    assert seen == [1, 1, 1]
    db_session.commit()
    report(kind, reader=Reporter("s" * 43), reason=Reason.HATE)
    db_session.commit()
    assert len(BeautifulSoup(desk.get(LANE).text, "html.parser").select("details.veil")) == 2


def test_a_difficult_case_is_covered(app: Flask, db_session: Session, alice: Moderator, desk: FlaskClient) -> None:
    decided(written(app, db_session, "I will kill you."), Status.SPAM, alice)
    question = db_session.query(AskedOpinion).one().id
    db_session.commit()
    answer = send(desk, f"{LANE}/{question}", fetch=True, reason="hate")
    assert any(each.startswith("kaiwa_deciding=") for each in answer.headers.getlist("Set-Cookie")), "as any decision"
    case = BeautifulSoup(desk.get(PAGE, headers=ENGLISH).text, "html.parser").select_one("[data-case-id]")
    assert "kill" in case.select_one("details.veil").extract().text and "kill" not in case.text


SEEN = (
    "/moderate/log", "/moderate/log.csv", "/moderate/log.jsonl", "/moderate/log?status=rejected",
    "/moderate/search?q=Ferries", "/moderate/search?status=rejected", "/moderate/search?reason=hate",
    "/moderate/?status=rejected", "/moderate/?status=approved", "/moderate/?status=approved&sort=worth", "/moderate/",
    PAGE, "/sites/paper/screening", "/sites/paper/house-checks", "/sites/paper/webhooks",
)  # fmt: skip


def pages_of(desk: FlaskClient, *more: str) -> Iterator[tuple[str, str]]:
    for path in (*SEEN, *more):
        answer = desk.get(path, headers=ENGLISH, buffered=True)
        assert answer.status_code == 200, path
        yield path, answer.text


def test_until_it_is_given_the_comment_is_nowhere_else(
    app: Flask, db_session: Session, alice: Moderator, bob: Moderator, desk: FlaskClient
) -> None:
    comment, other = written(app, db_session), written(app, db_session, "Trains are quiet")
    link = link_for(comment, Status.APPROVED, bob)
    decided(comment, Status.REJECTED, alice, Reason.HATE)
    id, version = comment.id, comment.version
    db_session.commit()
    for path, page in pages_of(desk, f"/moderate/search?alike={id}"):
        assert TEXT not in page, path
    for path in ("thread", "author", "article", "block", "reply", "cover"):
        assert desk.get(f"/moderate/comments/{id}/{path}").status_code == 404, path
    assert press(desk, comment, "approved").status_code == 404
    send(desk, "/moderate/decisions", comment=f"{id}.{version}", status="approved")
    made = db_session.query(AskedOpinion).one().decision_id
    db_session.commit()
    assert send(desk, f"/moderate/decisions/{made}/undo").status_code == 404
    assert app.test_client().get(link[link.index("/act/") :]).status_code == 410
    # The author's record on the card of another comment does not count it.
    (card,) = cards(desk.get("/moderate/", headers=ENGLISH))
    assert card["data-comment-id"] == str(other.id) and "Rejected 0" in " ".join(card.text.split())
    history = desk.get(f"/moderate/comments/{other.id}/author", headers=ENGLISH).text
    assert "Rejected 0" in " ".join(BeautifulSoup(history, "html.parser").text.split())
    # The other moderator sees all of it.
    log = at_the_desk(app).get("/moderate/log", headers=ENGLISH).text
    assert TEXT in log and the_comment(db_session, TEXT).status == Status.REJECTED
    question = db_session.query(AskedOpinion).one().id
    assert "Second opinion saved." in send(desk, f"{LANE}/{question}", status="approved").text
    assert TEXT in desk.get("/moderate/log", headers=ENGLISH).text


def test_the_card_names_the_article_as_an_approval_does(
    app: Flask, db_session: Session, alice: Moderator, bob: Moderator, desk: FlaskClient
) -> None:
    """Only an approval applies the title that a comment's page claims."""
    for status in (Status.APPROVED, Status.REJECTED):
        url = f"https://paper.example/{status}"
        Reader(app.test_client(), url=url).post(f"{status} {TEXT}", title="The ferry")
        decided(the_comment(db_session, f"{status} {TEXT}"), status, alice)
    assert [card.select_one(".article").text for card in cards(desk.get(LANE))] == ["The ferry", "The ferry"]


def test_numbers_beside_other_comments_do_not_tell_it(
    app: Flask, db_session: Session, alice: Moderator, bob: Moderator, desk: FlaskClient
) -> None:
    comment, other = written(app, db_session), written(app, db_session, "Trains are quiet").id
    db_session.commit()
    word = {"subject": "word", "effect": "hold", "value": "are", "try": "1"}
    seen = []
    for status in (Status.APPROVED, Status.REJECTED):
        decided(comment, status, alice)
        around = [desk.get(f"/moderate/comments/{other}/{panel}", headers=ENGLISH) for panel in ("thread", "block")]
        seen.append([without_tokens(each.text) for each in (*around, send(desk, "/sites/paper/rules", **word))])
    assert seen[0] == seen[1] and "affects 1 comment ·" in seen[0][1]


@pytest.mark.parametrize("way", ["card", "batch", "link"])
def test_a_decision_at_the_same_moment_is_not_told(
    app: Flask, db_session: Session, alice: Moderator, bob: Moderator, desk: FlaskClient,
    monkeypatch: pytest.MonkeyPatch, way: str,
) -> None:  # fmt: skip
    """The conflict is answered as if the comment were gone, because the faster decision was drawn."""
    comment = written(app, db_session)
    id, seen, faster_id = comment.id, comment.version, alice.id
    link = link_for(comment, Status.APPROVED, bob)
    db_session.commit()

    def second(given: Comment, *args: object, **more: object) -> object:
        decide(given, Status.REJECTED, seen=seen, by=db.session.get(Moderator, faster_id), reason=Reason.HATE)
        db.session.commit()
        return decide(given, *args, **more)  # type: ignore[arg-type]

    module = {"card": "app.web.decisions", "batch": "app.desk.batch", "link": "app.web.links"}[way]
    monkeypatch.setattr(f"{module}.decide", second)
    if way == "card":
        answer = send(desk, f"/moderate/comments/{id}/decisions", fetch=True, status="approved", seen=str(seen))
    elif way == "batch":
        answer = send(desk, "/moderate/decisions", fetch=True, comment=f"{id}.{seen}", status="approved")
    else:
        path = link[link.index("/act/") :]
        phone = app.test_client()
        answer = phone.post(path, data={"csrf_token": hidden(phone.get(path), "csrf_token")}, headers=ENGLISH)
    assert db_session.query(AskedOpinion).one().moderator_id == bob.id
    assert answer.status_code == {"card": 404, "batch": 200, "link": 410}[way]
    for told in ("Alice", "Rejected", "Hate", TEXT):
        assert told not in answer.text


def test_a_search_that_is_behind_does_not_show_it(
    app: Flask, db_session: Session, alice: Moderator, bob: Moderator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica may not know yet that this moderator is asked."""
    comment, query = written(app, db_session), SearchQuery(text="Ferries")
    earlier = search.search(bob, query)
    decided(comment, Status.APPROVED, alice)
    monkeypatch.setattr(search, "search", lambda *_given: earlier)
    assert [len(search.find(each, query).cards) for each in (alice, bob)] == [1, 0]


def test_a_share_of_zero_ends_all_questions(
    app: Flask, db_session: Session, paper: Site, alice: Moderator, bob: Moderator, desk: FlaskClient
) -> None:
    decided(written(app, db_session), Status.APPROVED, alice)
    for share in (0, 100):
        settings.change(paper, {"second_opinions": share}, by=Who.OPERATOR)
        db_session.commit()
    assert not cards(desk.get(LANE, headers=ENGLISH))


def test_a_disagreement_is_a_case_with_both_opinions(
    app: Flask, db_session: Session, alice: Moderator, bob: Moderator, desk: FlaskClient
) -> None:
    comment = written(app, db_session)
    decided(comment, Status.APPROVED, alice)
    assert "No open cases." in desk.get(PAGE, headers=ENGLISH).text
    question = db_session.query(AskedOpinion).one().id
    db_session.commit()
    answer = send(desk, f"{LANE}/{question}", fetch=True, reason="hate")
    assert answer.status_code == 200 and f'data-decided="{question}"' in answer.text
    assert "not needed any more" in send(desk, f"{LANE}/{question}", fetch=True, reason="hate").text
    page = BeautifulSoup(desk.get(PAGE, headers=ENGLISH).text, "html.parser")
    (case,) = page.select("[data-case-id]")
    both = [" ".join(each.text.split()) for each in case.select("dl.facts dd")]
    assert both == ["Approved", "Rejected Hate", "Approved"] and TEXT in case.text
    for person in ("Alice", "Bob"):
        assert person not in page.main.text
    assert send(desk, f"/moderate/comments/{comment.id}/notes", text="Let us talk.", next=PAGE).status_code == 200
    assert db_session.query(Note).count() == 1 and "Let us talk." in desk.get(PAGE, headers=ENGLISH).text
    db_session.commit()
    case_id = case["data-case-id"]
    assert "Marked as discussed." in send(desk, f"{PAGE}/{case_id}/discussed", next=PAGE).text
    assert "data-case-id" not in desk.get(PAGE).text and "data-case-id" in desk.get(f"{PAGE}?discussed=1").text
    assert the_comment(db_session, TEXT).status == Status.APPROVED
    send(desk, f"{PAGE}/{case_id}/discussed", back="1")
    # The case's buttons decide, as anywhere else.
    press(desk, comment, "rejected", override="1")
    assert the_comment(db_session, TEXT).status == Status.REJECTED
    assert db_session.query(AskedOpinion).count() == 0


def test_nothing_names_who_gave_an_opinion(
    app: Flask, db_session: Session, paper: Site, alice: Moderator, desk: FlaskClient
) -> None:
    """Not the log and its files, not the API, and in an archive no opinion leads to a comment, whose log has names."""
    comment = written(app, db_session)
    decided(comment, Status.APPROVED, alice)
    before = [desk.get(f"/moderate/log{kind}", buffered=True).text for kind in (".csv", ".jsonl")]
    question = db_session.query(AskedOpinion).one().id
    db_session.commit()
    send(desk, f"{LANE}/{question}", status="spam")
    after = [desk.get(f"/moderate/log{kind}", buffered=True).text for kind in (".csv", ".jsonl")]
    assert all(len(new.splitlines()) == len(old.splitlines()) + 2 for old, new in zip(before, after, strict=True))
    assert "second" not in "".join(after) and not any("Bob" in each for each in after)
    with snapshot():
        lines = [json.loads(each) for each in io.StringIO("".join(archive.lines(paper)))]
    (opinion,) = (each for each in lines if each.get("type") == "second_opinion")
    assert set(opinion) == {
        "type", "id", "sample", "first_status", "first_reason", "status", "reason", "given_on"
    }  # fmt: skip
    assert "asked_opinion" not in {each.get("type") for each in lines}


@pytest.mark.parametrize(("share", "alone", "said"), [
    (0, False, "Second opinions are off."), (20, True, "Nothing is drawn"), (20, False, "20 % of the decisions"),
])  # fmt: skip
def test_the_page_says_why_nothing_is_drawn(
    app: Flask, db_session: Session, paper: Site, alice: Moderator, share: int, alone: bool, said: str
) -> None:
    paper.second_opinions = share
    db_session.commit()
    if not alone:
        a_moderator(db_session, paper, "bob")
    desk = at_the_desk(app)
    page = desk.get(PAGE, headers=ENGLISH).text
    assert said in page and "No second opinions in this period." in page
    assert ("/moderate/opinions" in desk.get("/moderate/").text) == bool(share)
    assert "No second opinion is needed." in desk.get(LANE, headers=ENGLISH).text
    assert (desk.get(f"{PAGE}?days=365").status_code, desk.get(f"{PAGE}?days=7").status_code) == (200, 404)


def test_only_the_one_who_is_asked_answers(
    app: Flask, db_session: Session, paper: Site, alice: Moderator, bob: Moderator, desk: FlaskClient
) -> None:
    decided(written(app, db_session), Status.APPROVED, alice)
    question = db_session.query(AskedOpinion).one().id
    db_session.commit()
    first = at_the_desk(app)
    send(first, f"{LANE}/{question}", status="spam")
    assert db_session.query(SecondOpinion).count() == 0 and db_session.query(AskedOpinion).count() == 1
    db_session.commit()
    for wrong in ({"status": "pending"}, {"status": "deleted"}, {}, {"reason": "x" * 99}):
        assert send(desk, f"{LANE}/{question}", **wrong).status_code == 400, wrong
    assert send(desk, f"{LANE}/{question}", reason="unheard_of").status_code == 422
    assert "Skipped." in send(desk, f"{LANE}/{question}", skip="1").text
    assert (db_session.query(SecondOpinion).count(), db_session.query(AskedOpinion).count()) == (0, 0)
