"""Sections: by path, by an attribute, by hand; with a state, a review, house rules and moderators of their own."""

import json
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.desk import sections, settings, tokens
from app.models import Comment, Decision, Lease, Moderator, Role, Site, State, Status, Thread, Wording
from app.models.audit import Who
from app.models.section import MOST_PATHS, MOST_SECTIONS, Section, SectionBy, clean_path, sections_of
from app.models.wording import DEFAULTS
from app.moderation.decide import decide
from app.notify import decision_links
from app.search.query import SearchQuery, search
from tests.cast import ORIGIN, PAGE, Reader, a_moderator, a_site, the_comment
from tests.web.test_queue import ENGLISH, at_the_desk, hidden

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MATCH, RECIPE = f"{ORIGIN}/sports/match", f"{ORIGIN}/food/cake"


@pytest.fixture
def paper(db_session: Session) -> Site:
    site = a_site(db_session, lang="en")
    put(db_session, site, "sports", paths=("/sports",))
    put(db_session, site, "food", paths=("/food",))
    return site


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, role=Role.OWNER)


@pytest.fixture
def hanako(client: FlaskClient, alice: Moderator) -> Reader:
    return Reader(client)


def put(db_session: Session, site: Site, key: str, **more: Any) -> None:
    sections.put(db_session.get_one(Site, site.id), Section(key, key.title(), **more), by=Who.OPERATOR)
    db_session.commit()


def section_at(db_session: Session, url: str) -> tuple[str, int]:
    db_session.expire_all()
    thread = db_session.query(Thread).filter_by(key=url).one()
    found = thread.section, thread.section_by
    db_session.commit()
    return found


def press(desk: FlaskClient, path: str, **fields: Any) -> TestResponse:
    token = hidden(desk.get("/moderate/log"), "csrf_token")
    return desk.post(path, data=fields | {"csrf_token": token}, headers=ENGLISH)


def test_a_path_puts_articles_into_a_section_also_earlier_ones(
    hanako: Reader, db_session: Session, paper: Site
) -> None:
    hanako.post("goal!", url=MATCH)
    hanako.post("yum", url=RECIPE)
    hanako.post("news", url=f"{ORIGIN}/sportsmen")
    assert section_at(db_session, MATCH) == ("sports", SectionBy.PATH)
    assert section_at(db_session, f"{ORIGIN}/sportsmen") == ("", SectionBy.NOTHING)
    # A longer path wins, and articles follow when paths change.
    put(db_session, paper, "finals", paths=("/sports/match", "/Köln %25/"))
    assert section_at(db_session, MATCH) == ("finals", SectionBy.PATH)
    put(db_session, paper, "finals", paths=("/food",))
    assert section_at(db_session, MATCH) == ("sports", SectionBy.PATH)
    put(db_session, paper, "sports", paths=())
    assert section_at(db_session, MATCH) == ("", SectionBy.NOTHING)
    assert clean_path("/スポーツ/") == clean_path("/スポーツ") == "/%E3%82%B9%E3%83%9D%E3%83%BC%E3%83%84"
    sections.remove(db_session.get_one(Site, paper.id), "food", by=Who.OPERATOR)
    db_session.commit()
    assert section_at(db_session, RECIPE) == ("finals", SectionBy.PATH)


def test_as_many_paths_as_sections_can_have(hanako: Reader, db_session: Session, paper: Site) -> None:
    for url in (MATCH, f"{ORIGIN}/a-30/b-7/c?page=2", f"{ORIGIN}/a-30/b-70", f"{ORIGIN}/Sports/small"):
        hanako.post("words", url=url)
    paper.origins = [*paper.origins, *(f"https://edition-{n}.example" for n in range(9))]
    paper.sections = [
        Section(f"s{n}", "S", tuple(f"/a-{n}/b-{path}" for path in range(MOST_PATHS))).as_json()
        for n in range(MOST_SECTIONS - 1)
    ]
    db_session.commit()
    put(db_session, paper, "sports", paths=("/sports",))
    assert section_at(db_session, f"{ORIGIN}/a-30/b-7/c?page=2") == ("s30", SectionBy.PATH)
    assert section_at(db_session, MATCH) == ("sports", SectionBy.PATH)
    for elsewhere in ("a-30/b-70", "Sports/small"):
        assert section_at(db_session, f"{ORIGIN}/{elsewhere}") == ("", SectionBy.NOTHING)


def test_two_administrators_who_save_at_once_keep_both_sections(db_session: Session, paper: Site) -> None:
    assert set(sections_of(paper)) == {"sports", "food"}
    other = Section("culture", "Culture").as_json()
    db_session.execute(
        update(Site).values(sections=[*paper.sections, other]).execution_options(synchronize_session=False)
    )
    sections.put(paper, Section("finals", "Finals"), by=Who.OPERATOR)
    assert set(sections_of(paper)) == {"sports", "food", "culture", "finals"}
    sections.remove(paper, "food", by=Who.OPERATOR)
    assert set(sections_of(paper)) == {"sports", "culture", "finals"}
    # Cached pages follow the version, so each change needs one of its own.
    seen = paper.version
    db_session.flush()
    db_session.execute(update(Site).values(version=seen + 1).execution_options(synchronize_session=False))
    settings.change(paper, {"votes": True}, by=Who.OPERATOR)
    assert (paper.version, paper.votes) == (seen + 2, True)


def test_the_stricter_state_of_section_and_article_counts(
    client: FlaskClient, hanako: Reader, db_session: Session, paper: Site
) -> None:
    hanako.post("goal!", url=MATCH)
    hanako.post("yum", url=RECIPE)
    other = f"{ORIGIN}/sports/other"
    for state, status in ((State.HELD, 202), (State.CLOSED, 403), (State.OPEN, 201)):
        put(db_session, paper, "sports", paths=("/sports",), state=state)
        for url in (MATCH, other):
            assert client.get("/api/v1/threads", query_string={"site": "paper", "url": url}).json["state"] == state
            assert hanako.post(f"{state} {url}", url=url).status_code == status
        assert hanako.post(f"{state} food", url=RECIPE).status_code == 201
    put(db_session, paper, "sports", paths=("/sports",), state=State.HIDDEN)
    assert "goal!" not in Reader(client, url=MATCH).get_thread().text
    assert "goal!" not in client.get("/feeds/site/paper.atom").text
    counts = client.get("/embed/counts", query_string={"site": "paper", "url": [MATCH, RECIPE]}).json["counts"]
    assert counts[MATCH] == 0 and counts[RECIPE] == 4


def test_a_section_reviews_every_comment_or_none(hanako: Reader, db_session: Session, paper: Site) -> None:
    put(db_session, paper, "sports", paths=("/sports",), hold=True)
    assert hanako.post("goal!", url=MATCH).status_code == 202
    assert the_comment(db_session, "goal!").reasons[0]["check"] == "hold_all"
    assert hanako.post("yum", url=RECIPE).status_code == 201
    db_session.get_one(Site, paper.id).hold_all = True
    put(db_session, paper, "sports", paths=("/sports",), hold=False)
    assert hanako.post("goal again!", url=MATCH).status_code == 201
    assert hanako.post("yum yum", url=RECIPE).status_code == 202


def test_an_attribute_is_never_milder_and_a_moderator_confirms_it(
    app: Flask, hanako: Reader, db_session: Session, paper: Site, alice: Moderator
) -> None:
    put(db_session, paper, "sports", paths=("/sports",), state=State.CLOSED, hold=True)
    put(db_session, paper, "lax", hold=False)
    db_session.get_one(Site, paper.id).hold_all = True
    db_session.commit()
    # A claim closes nothing for others, and does not avoid the review.
    assert hanako.post("closed?", section="sports").status_code == 403
    assert hanako.post("let me in", section="lax").status_code == 202
    assert section_at(db_session, PAGE) == ("lax", SectionBy.CLAIM)
    assert hanako.post("another").status_code == 202
    assert hanako.post("elsewhere", url=RECIPE, section="lax").status_code == 202
    assert section_at(db_session, RECIPE) == ("food", SectionBy.PATH)
    assert hanako.post("no such", url=f"{PAGE}/2", section="nowhere").status_code == 202
    # Neither an email nor the API shows the claim, so their approval does not confirm it.
    program = tokens.make(db_session.get_one(Site, paper.id), name="CMS", role=Role.MODERATOR, by=Who.OPERATOR)[0]
    by_program, taro = program.moderator, Reader(app.test_client(), "Taro", "taro@readers.example")
    db_session.commit()
    for number, (by, reason) in enumerate(((alice, "mail"), (by_program, ""))):
        taro.post(f"unseen {number}", url=f"{PAGE}/unseen{number}", section="lax")
        unseen = the_comment(db_session, f"unseen {number}")
        decide(unseen, Status.APPROVED, seen=unseen.version, by=by, reason=reason)
        db_session.commit()
        assert section_at(db_session, f"{PAGE}/unseen{number}") == ("lax", SectionBy.CLAIM)
    comment = the_comment(db_session, "let me in")
    assert comment.claimed and comment.claimed["section"] == "lax"
    desk = at_the_desk(app)
    assert (
        "Section: "
        in BeautifulSoup(desk.get("/moderate/", headers=ENGLISH).text, "html.parser")
        .select_one(f"#card-{comment.id} .claimed")
        .text
    )
    press(desk, f"/moderate/comments/{comment.id}/decisions", status="approved", seen=str(comment.version))
    assert section_at(db_session, PAGE) == ("lax", SectionBy.MODERATOR)
    assert hanako.post("and now").status_code == 201


def test_a_section_has_rules_of_its_own(hanako: Reader, db_session: Session, paper: Site) -> None:
    site = db_session.get_one(Site, paper.id)
    Wording.put(site, "en", DEFAULTS | {"intro": "Hi", "html": "<p>Hi all</p>", "rules_version": "1"})
    Wording.put(site, "en", DEFAULTS | {"html": "<p>Fair play</p>", "intro": "F", "rules_version": "1"}, "sports")
    db_session.commit()
    page = hanako.get_thread(url=MATCH).text
    assert "Fair play" in page and "Hi all" not in page
    assert hanako.post("goal!", url=MATCH, accepted="1").status_code == 422, "those are the rules of the site"
    assert hanako.post("goal!", url=MATCH, accepted="sports/1").status_code == 201
    assert the_comment(db_session, "goal!").accepted == "sports/1"
    assert "Hi all" in hanako.get_thread(url=RECIPE).text
    claimed = hanako.get_thread(section="sports").text
    assert "Fair play" in claimed and 'name="section" value="sports"' in claimed


def test_a_moderator_of_a_section_moderates_nothing_else(
    app: Flask, hanako: Reader, db_session: Session, paper: Site
) -> None:
    db_session.get_one(Site, paper.id).hold_all = True
    bob = a_moderator(db_session, paper, "bob")
    for body, url in (("goal!", MATCH), ("yum", RECIPE), ("news", PAGE)):
        hanako.post(body, url=url)
    owner = at_the_desk(app)
    form = {"role": "moderator", "section": ["sports"]}
    assert press(owner, f"/sites/paper/moderators/{bob.id}/role", **form).status_code == 303
    desk = at_the_desk(app, "bob")
    queue = desk.get("/moderate/").text
    assert "goal!" in queue and "yum" not in queue and "news" not in queue
    goal, cake = (the_comment(db_session, body).id for body in ("goal!", "yum"))
    thread, version = the_comment(db_session, "yum").thread_id, str(the_comment(db_session, "yum").version)
    verdict = {"status": "approved", "seen": version}
    for path in ("decisions", "notes", "pick", "defer", "reply"):
        assert press(desk, f"/moderate/comments/{cake}/{path}", **verdict).status_code == 404, path
    for path in ("thread", "author", "article", "block", "reply"):
        assert desk.get(f"/moderate/comments/{cake}/{path}").status_code == 404, path
    press(desk, "/moderate/decisions", status="approved", comment=f"{cake}.{version}")
    assert the_comment(db_session, "yum").status == Status.PENDING
    assert desk.get(f"/sites/paper/threads/{thread}").status_code == 404
    assert press(desk, f"/sites/paper/threads/{thread}/state", state="closed").status_code == 404
    assert f"card-{cake}" not in desk.get("/moderate/search?q=yum").text
    assert f"card-{goal}" in desk.get("/moderate/search?q=goal").text
    assert "yum" not in desk.get(f"/moderate/comments/{goal}/author").text
    assert Lease.take([cake], db_session.get_one(Moderator, 1)) and db_session.commit() is None
    db_session.refresh(bob)
    assert Lease.counts_of_others(bob) == {}
    db_session.commit()
    press(owner, f"/moderate/comments/{cake}/decisions", **verdict)
    figures = [each.get("/sites/paper/figures", headers=ENGLISH).text for each in (desk, owner)]
    pending = [BeautifulSoup(page, "html.parser").select(".tiles dd")[0].text for page in figures]
    assert (RECIPE in figures[0], RECIPE in figures[1]) == (False, True)
    assert pending == ["1", "2"]
    assert "yum" not in desk.get("/moderate/?status=approved").text
    assert "yum" not in desk.get("/moderate/?status=approved&sort=worth").text
    press(owner, f"/sites/paper/threads/{thread}/state", state="held", reason="yum")
    for log in ("log", "log.csv", "log.jsonl", "log/articles", "log/articles.csv"):
        assert "yum" not in desk.get(f"/moderate/{log}", buffered=True).text
    decision = db_session.query(Decision).filter_by(comment_id=cake).order_by(Decision.id.desc()).first()
    db_session.commit()
    assert decision and press(desk, f"/moderate/decisions/{decision.id}/undo").status_code == 404
    press(desk, f"/moderate/comments/{goal}/decisions", status="approved", seen=version)
    assert the_comment(db_session, "goal!").status == Status.APPROVED
    with app.test_request_context():
        link = decision_links.link_for(db_session.get_one(Comment, cake), Status.SPAM, bob)
    db_session.commit()
    assert desk.get(link.removeprefix("http://localhost")).status_code == 410
    db_session.refresh(bob)
    assert search(bob, SearchQuery(text="yum")).ids == []
    db_session.get_one(Comment, goal).cluster = db_session.get_one(Comment, cake).cluster = "same"
    db_session.flush()
    assert search(bob, SearchQuery(alike=cake)).ids == [], "what is like a comment of others tells its text"
    db_session.commit()
    # Its removal gives nothing away, and an administrator has no limits.
    press(owner, "/sites/paper/sections/remove", key="sports")
    assert "goal!" not in desk.get("/moderate/?status=approved").text
    press(owner, f"/sites/paper/moderators/{bob.id}/role", role="admin")
    assert "yum" in desk.get("/moderate/?status=approved").text


def test_an_import_brings_sections_along_that_the_site_has(
    app: Flask, db_session: Session, paper: Site, tmp_path: Path
) -> None:
    story = {"commentCounts": {}, "settings": {}, "url": PAGE, "id": "s1", "metadata": {"section": "FOOD"}}
    other = story | {"id": "s2", "url": RECIPE, "metadata": {"section": "Nowhere"}}
    lines = [story, other] + [
        {"id": f"c{id}", "storyID": id, "revisions": [{"body": "Hi"}], "status": "NONE", "createdAt": "2021-05-01"}
        for id in ("s1", "s2")
    ]
    file = tmp_path / "coral.json"
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    done = app.test_cli_runner().invoke(args=["import", "coral", str(file), "--site", "paper", "--json"])
    assert done.exit_code == 0, done.output
    assert section_at(db_session, PAGE) == ("food", SectionBy.HAND)
    assert section_at(db_session, RECIPE) == ("food", SectionBy.PATH)


def test_sections_are_written_on_their_page_and_chosen_by_hand(
    app: Flask, hanako: Reader, db_session: Session, paper: Site
) -> None:
    desk, path = at_the_desk(app), "/sites/paper/sections"
    fields = {"key": "culture", "name": "Culture", "paths": "/culture\r\n/スポーツ/\n", "state": "held", "hold": "yes"}
    assert press(desk, path, **fields).status_code == 303
    db_session.refresh(paper)
    assert sections_of(paper)["culture"] == Section(
        "culture", "Culture", ("/culture", "/%E3%82%B9%E3%83%9D%E3%83%BC%E3%83%84"), State.HELD, hold=True
    )
    db_session.commit()
    for wrong in ({"key": "No Way"}, {"name": " "}, {"paths": "culture"}, {"paths": "//evil"}, {"state": "gone"}):
        assert press(desk, path, **fields | wrong).status_code == 422, wrong
    assert press(desk, f"{path}/remove", key="nowhere").status_code == 404
    assert "Fields that stay empty here" in desk.get("/sites/paper/words?section=culture", headers=ENGLISH).text
    assert desk.get("/sites/paper/words?section=nowhere").status_code == 404
    press(desk, "/sites/paper/words?lang=en&section=culture", intro_shown="y", intro="Quiet please")
    assert Wording.of(db_session.get_one(Site, paper.id), "en", "culture")
    db_session.commit()
    hanako.post("goal!", url=MATCH)
    thread = the_comment(db_session, "goal!").thread_id
    page = f"/sites/paper/threads/{thread}"
    assert press(desk, page, title="Match", url=MATCH, published="", section="nowhere").status_code == 422
    assert press(desk, page, title="Match", url=MATCH, published="", section="culture").status_code == 303
    assert section_at(db_session, MATCH) == ("culture", SectionBy.HAND)
    assert "stricter than its own state" in desk.get(page, headers=ENGLISH).text
    assert hanako.post("again", url=MATCH).status_code == 202
    assert press(desk, page, title="Match", url=MATCH, published="", section="").status_code == 303
    assert section_at(db_session, MATCH) == ("sports", SectionBy.PATH)
    press(desk, f"{path}/remove", key="culture")
    db_session.expire_all()
    assert "culture" not in sections_of(db_session.get_one(Site, paper.id)) and db_session.query(Wording).count() == 0
    db_session.commit()
    a_moderator(db_session, paper, "carol")
    assert at_the_desk(app, "carol").get(path).status_code == 403
