"""The pages of a site: settings, embedding, rules; each with its required role."""

import re
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.lib.clock import now
from app.lib.language import speaking
from app.models import Comment, Moderator, Role, Rule, Site, Status
from app.moderation.decide import decide
from app.notify.author_email import why
from app.web import threads
from tests.cast import ORIGIN, Reader, a_moderator, a_site, move, the_comment
from tests.desk.test_queue import written
from tests.web.test_queue import ENGLISH, at_the_desk


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, "alice", Role.ADMIN)


def fields_of(page: TestResponse, action: str) -> dict[str, Any]:
    """The fields that a browser would send, unchanged, from the form with this `action`."""
    form = BeautifulSoup(page.text, "html.parser").find("form", action=action)
    found: dict[str, Any] = {}
    for control in form.select("input[name], textarea[name]"):
        if control.get("type") not in ("checkbox", "radio") or control.has_attr("checked"):
            found[control["name"]] = control.get("value", "y") if control.name == "input" else control.text.strip()
    for select in form.select("select"):
        found[select["name"]] = (select.select_one("[selected]") or select.select_one("option"))["value"]
    return found


def test_the_settings_page_saves_only_changed_fields(desk: FlaskClient, paper: Site, db_session: Session) -> None:
    path, before = "/sites/paper/settings", {c.key: getattr(paper, c.key) for c in Site.__table__.columns}
    fields = fields_of(desk.get(path), path)
    assert desk.post(path, data=fields).status_code == 303
    db_session.refresh(paper)
    assert {c.key: getattr(paper, c.key) for c in Site.__table__.columns} == before
    fields |= {"name": "Evening Paper", "origins": "https://a.example\nhttps://b.example", "max_links": "7"}
    fields.pop("open")
    db_session.commit()
    assert desk.post(path, data=fields).status_code == 303
    db_session.refresh(paper)
    assert (paper.name, paper.max_links, paper.open) == ("Evening Paper", 7, False)
    assert (paper.origins, paper.version) == (["https://a.example", "https://b.example"], before["version"] + 1)


def test_the_pages_of_a_site_are_grouped_and_each_marks_its_place(
    desk: FlaskClient, alice: Moderator, paper: Site, db_session: Session
) -> None:
    alice.memberships[0].role = Role.OWNER
    db_session.commit()
    first = BeautifulSoup(desk.get("/sites/paper/settings").text, "html.parser")
    subjects, paths = [each["href"] for each in first.select("main nav.tabs:not(.sub) a")], set()
    for subject in subjects:
        paths |= {each["href"] for each in BeautifulSoup(desk.get(subject).text, "html.parser").select("nav.sub a")}
    assert len(subjects) == 5 and len(paths) == 22
    for path in paths:
        page = BeautifulSoup(desk.get(path).text, "html.parser")
        (here,) = page.select("main nav.sub a[aria-current]")
        (subject,) = page.select("main nav.tabs[aria-label] a[aria-current=true]")
        (menu,) = page.select("header.top nav a[aria-current=page]")
        assert (here["href"], here["aria-current"], menu["href"]) == (path, "page", "/sites/"), path
        assert subject["href"] in {each["href"] for each in page.select("nav.sub a")}, path
    alice.memberships[0].role = Role.MODERATOR
    db_session.commit()
    page = BeautifulSoup(desk.get("/sites/paper/embed").text, "html.parser")
    shown = [each["href"].removeprefix("/sites/paper/") for each in page.select("main nav.tabs a")]
    assert shown == ["figures", "opinions", "embed"]
    assert not page.select("nav.sub") and len(page.select("main nav a[aria-current=page]")) == 1


def test_each_setting_tells_its_default_and_zones_have_cities(desk: FlaskClient, paper: Site) -> None:
    page = BeautifulSoup(desk.get("/sites/paper/settings").text, "html.parser")
    told = {
        name: page.select_one(f"#set-{name}-help").text for name in ("max_links", "votes", "close_after_days", "lang")
    }
    assert told["votes"].endswith("並べ替えられるようになります。初期値：オフ。")
    del told["votes"]
    assert told == {
        "max_links": "初期値：2 個以上。", "close_after_days": "初期値：なし。", "lang": "初期値：日本語。",
    }  # fmt: skip
    assert not page.select_one("#set-name-help") and not page.select_one("#set-akismet_key-help").text.count("初期値")
    zones = {option["value"]: option.text for option in page.select("#set-timezone option")}
    assert (zones["Asia/Tokyo"], zones["Japan"]) == ("Asia/Tokyo (東京)", "Japan (東京)") and "UTC" in zones


def test_a_site_has_its_own_texts_for_authors_by_reason_and_language(
    app: Flask, desk: FlaskClient, paper: Site, alice: Moderator, db_session: Session
) -> None:
    path = "/sites/paper/reasons"
    page = desk.get(path)
    fields = fields_of(page, path)
    shown = BeautifulSoup(page.text, "html.parser")
    assert shown.find("textarea", attrs={"name": "off_topic.ja"})["placeholder"] == "この記事と関係のない内容です。"
    own = {"off_topic.en": "  Please stay\non the <b>bridge</b>. ", "other.en": "See our rules: paper.example/rules"}
    assert desk.post(path, data=fields | own).status_code == 303
    db_session.refresh(paper)
    assert paper.reason_texts == {
        "off_topic": {"en": "Please stay on the <b>bridge</b>."}, "other": {"en": "See our rules: paper.example/rules"}
    }  # fmt: skip
    paper.hold_all = True
    db_session.commit()
    english = ["Please stay on the <b>bridge</b>.", "See our rules: paper.example/rules"]
    usual = ["この記事と関係のない内容です。", "当サイトのコメントガイドラインに沿わない内容です。"]
    for lang, texts in (("en", english), ("ja", usual)):
        Reader(app.test_client()).post(f"In {lang}", lang=lang)
        comment = the_comment(db_session, f"In {lang}")
        card = BeautifulSoup(desk.get("/moderate/").text, "html.parser").find(id=f"card-{comment.id}")
        menu = {each["value"]: each.select_one(".reads").text for each in card.select("[data-digit]")}
        assert [menu["off_topic"], menu["other"]] == texts
        assert {each["lang"] for each in card.select(".reads")} == {lang}
        decision = decide(comment, Status.REJECTED, seen=comment.version, by=alice, reason="off_topic")
        with app.test_request_context(), speaking(lang):
            assert why(decision) == texts[0]
            decision.reason = ""
            assert why(decision) == texts[1]
        db_session.rollback()
    fields = fields_of(desk.get(path), path) | {"off_topic.en": "", "other.en": "x" * 501}
    answer = desk.post(path, data=fields, headers=ENGLISH)
    found = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 422 and found.select_one("[aria-invalid=true]")["name"] == "other.en"
    assert "Other · English" in found.select_one("[role=alert]").text
    assert desk.post(path, data=fields | {"other.en": ""}).status_code == 303
    db_session.refresh(paper)
    assert paper.reason_texts == {}


def test_a_setting_that_cannot_work_changes_nothing_and_loses_nothing(
    desk: FlaskClient, paper: Site, db_session: Session
) -> None:
    path = "/sites/paper/settings"
    fields = fields_of(desk.get(path), path)
    wrong = {"max_links": "many", "origins": "https://a.example/path", "timezone": "Moon", "name": "New name"}
    answer = desk.post(path, data=fields | wrong, headers=ENGLISH)
    page = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 422
    for name in ("max_links", "origins", "timezone"):
        assert page.select_one(f"#set-{name}")["aria-invalid"] == "true"
        assert page.select_one(f"#set-{name}-error")
    assert fields_of(answer, path) | {"csrf_token": ""} == fields | wrong | {"csrf_token": ""}
    db_session.refresh(paper)
    assert (paper.name, paper.max_links) == ("Paper", 2)


def test_forbidden_actions_give_403_and_foreign_sites_404(app: Flask, paper: Site, db_session: Session) -> None:
    a_moderator(db_session, paper, "bob")
    a_moderator(db_session, a_site(db_session, "other"), "charlie", Role.OWNER)
    bob, charlie = at_the_desk(app, "bob"), at_the_desk(app, "charlie")
    for path in ("settings", "rules", "screening"):
        refused = bob.get(f"/sites/paper/{path}", headers=ENGLISH)
        assert refused.status_code == 403 and "owners of this site" in refused.text
        assert charlie.get(f"/sites/paper/{path}").status_code == 404
    for path in ("embed", "figures"):
        assert bob.get(f"/sites/paper/{path}").status_code == 200
        assert charlie.get(f"/sites/paper/{path}").status_code == 404
    assert "Paper" in bob.get("/sites/").text
    assert "Paper" not in charlie.get("/sites/").text


def test_the_embed_page_has_the_tag_of_this_site(desk: FlaskClient) -> None:
    page = BeautifulSoup(desk.get("/sites/paper/embed").text, "html.parser")
    assert '<script async src="http://localhost/embed.js" data-site="paper"></script>' in page.select_one("#tag").text


def test_the_screening_page_compares_the_score_with_what_people_decided(
    app: Flask, desk: FlaskClient, db_session: Session, paper: Site, alice: Moderator
) -> None:
    empty = desk.get("/sites/paper/screening", headers=ENGLISH)
    assert "No scores yet." in empty.text and "<table" not in empty.text
    assert "20 more honest comments with a score are missing" in empty.text
    paper.hold_one_in = paper.spam_one_in = 20
    db_session.commit()
    for body, score, status in (
        ("Called spam, <b>but</b> fine", 0.97, Status.APPROVED),
        ("Spam indeed", 0.98, Status.SPAM),
        ("Called fine, but spam", 0.02, Status.SPAM),
        ("Fine, and nobody has said so", 0.01, None),
        ("A few think so", 0.7, Status.REJECTED),
        ("Spam of last month", 0.03, Status.SPAM),
    ):
        Reader(app.test_client()).post(body)
        comment = the_comment(db_session, body)
        if status == Status.APPROVED:
            move(db_session, comment, Status.PENDING, by=alice)
        if status:
            move(db_session, comment, status, by=alice)
        comment.score = score
        if body.endswith("month"):
            comment.created_at -= timedelta(days=8)
        db_session.commit()
    many = [written(db_session, comment.thread, f"earlier {number}") for number in range(20)]
    for at, each in enumerate(many):
        each.score, each.trained_as, each.written_in = 0.2 + at / 1000, "fine", "en"
        each.created_at = now() - timedelta(days=30)
    db_session.query(Comment).update({"written_in": "en"})
    db_session.commit()
    page = BeautifulSoup(desk.get("/sites/paper/screening", headers=ENGLISH).text, "html.parser")
    rows = [[cell.text for cell in row.select("th, td")] for row in page.select("[aria-labelledby=bands] tbody tr")]
    assert rows == [
        ["Would be spam", "1", "1", "0"],
        ["Would be held", "0", "0", "1"],
        ["Would be published", "0", "1", "1"],
    ]
    budget = " ".join(page.select_one("section[aria-labelledby=budget]").text.split())
    assert "Hold at most one in 20 honest comments." in budget and "Until" not in budget
    assert "honest comments: 1 of 1 (100.0 %)" in budget and "spam comments: 1 of 2 (50.0 %)" in budget
    plot = page.select_one("section[aria-labelledby=reliability]")
    assert len(plot.select("svg[role=img][aria-labelledby] circle")) == len(plot.select("tbody tr")) == 3
    assert [cell.text for cell in plot.select("tbody tr")[-1].select("th, td")] == ["97 %", "50 %", "2"]
    japanese = BeautifulSoup(desk.get("/sites/paper/screening", headers={"Accept-Language": "ja"}).text, "html.parser")
    assert "10 % ごとに" in japanese.select_one("section[aria-labelledby=reliability]").text
    for id, said in (("false-alarms", "Called spam, <b>but</b> fine"), ("missed", "Called fine, but spam")):
        (listed,) = page.select(f"section[aria-labelledby={id}] li")
        assert listed.select_one(".text").text == said
        assert said in BeautifulSoup(desk.get(listed.select_one("a[href*=search]")["href"]).text, "html.parser").text
    assert page.select_one("main a[href*=settings]:not(.tabs a)")["href"] == "/sites/paper/settings#set-score_acts"
    assert 'id="set-score_acts"' in desk.get("/sites/paper/settings").text
    paper.score_acts = True
    db_session.commit()
    assert "Spam scores are in use." in desk.get("/sites/paper/screening", headers=ENGLISH).text


def ask(desk: FlaskClient, **fields: str) -> TestResponse:
    path = "/sites/paper/rules"
    return desk.post(path, data=fields_of(desk.get(path), path) | fields, headers=ENGLISH)


def test_a_rule_is_tried_on_past_comments_before_it_holds(
    app: Flask, desk: FlaskClient, db_session: Session, paper: Site
) -> None:
    hanako = Reader(app.test_client())
    for body in ("Buy my cheap pills", "ﾊﾞｶという人がばか", "A calm word"):
        hanako.post(body)
    move(db_session, the_comment(db_session, "Buy my cheap pills"), Status.SPAM)
    trial = ask(desk, subject="word", value="バカ", effect="hold", **{"try": "1"})
    page = BeautifulSoup(trial.text, "html.parser")
    assert "1 of the last 3 comments" in page.text
    assert [re.sub(r"\s+", " ", each.text) for each in page.select(".log .text")] == ["ﾊﾞｶという人がばか"]
    assert page.select_one("[name=value]")["value"] == "バカ"
    assert db_session.query(Rule).count() == 0
    db_session.commit()
    assert ask(desk, subject="word", value="バカ", effect="hold", reason="rude").status_code == 303
    (rule,) = Rule.standing(paper)
    assert (rule.reason, rule.made_by.name) == ("rude", "Alice")
    listed = desk.get("/sites/paper/rules", headers=ENGLISH)
    end = BeautifulSoup(listed.text, "html.parser").select_one("[data-rule-id] form[action$=end]")
    db_session.commit()
    token = end.select_one("[name=csrf_token]")["value"]
    assert desk.post(end["action"], data={"csrf_token": token}).status_code == 303
    assert Rule.standing(paper) == []
    assert "Expired rules" in desk.get("/sites/paper/rules", headers=ENGLISH).text


def test_a_block_says_how_many_past_and_pending_comments_it_touches(
    app: Flask, desk: FlaskClient, db_session: Session
) -> None:
    for at in range(3):
        Reader(app.test_client(), email="troll@bad.example").post(f"words {at}")
    Reader(app.test_client()).post("from somebody else")
    move(db_session, the_comment(db_session, "words 2"), Status.PENDING)
    for subject, value in (("email", "Troll@bad.example"), ("email_domain", "bad.example"), ("address", "127.0.0.1")):
        page = ask(desk, subject=subject, value=value, effect="spam", **{"try": "1"}).text
        text = " ".join(BeautifulSoup(page, "html.parser").select_one("[aria-labelledby=trial]").text.split())
        assert "Pending 1" in text
        assert f"Approved {3 if subject == 'address' else 2}" in text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"subject": "word", "value": " "}, "value"),
        ({"subject": "pattern", "value": "(["}, "value"),
        ({"subject": "address", "value": "0.0.0.0/0"}, "value"),
        ({"subject": "email", "value": "a@b.example", "effect": "allow"}, "effect"),
        ({"subject": "word", "value": "x", "days": "0"}, "days"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_rule_that_cannot_work_is_shown_beside_its_field(
    desk: FlaskClient, db_session: Session, wrong: dict[str, str], field: str
) -> None:
    answer = ask(desk, **wrong)
    page = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 422
    assert page.select_one(f"#rule-{field}-error"), page.text
    assert page.select_one("[name=value]")["value"] == wrong["value"]
    assert db_session.query(Rule).count() == 0


def test_a_rule_of_another_site_cannot_be_ended(app: Flask, desk: FlaskClient, db_session: Session) -> None:
    a_moderator(db_session, a_site(db_session, "other"), "charlie", Role.OWNER)
    ask(desk, subject="word", value="x", effect="hold")
    (rule,) = db_session.query(Rule).all()
    db_session.commit()
    charlie = at_the_desk(app, "charlie")
    token = fields_of(charlie.get("/sites/other/rules"), "/sites/other/rules")["csrf_token"]
    for key in ("paper", "other"):
        assert charlie.post(f"/sites/{key}/rules/{rule.id}/end", data={"csrf_token": token}).status_code == 404
    db_session.refresh(rule)
    assert rule.ended_at is None


def test_an_administrator_moves_pages_after_a_try(
    desk: FlaskClient, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    Reader(client, url=f"{ORIGIN}/old").post("here <b>I</b> am")
    path = "/sites/paper/threads"
    page = desk.get(path, query_string={"old": f"{ORIGIN}/old"})
    fields = fields_of(page, path)
    assert fields["moves"] == f"{ORIGIN}/old,"
    fields["moves"] += "/new\n/nothing,/x"
    tried = desk.post(path, data=fields | {"try": "1"})
    assert tried.status_code == 200 and "移動します" in tried.text and "コメントがありません" in tried.text
    assert "here" not in Reader(client, url=f"{ORIGIN}/new").get_thread().text
    assert desk.post(path, data=fields).status_code == 303
    for address in ("/old", "/new"):
        assert "here" in Reader(client, url=ORIGIN + address).get_thread().text
    assert "移動するコメントがない行：1 件。" in desk.get(path).text
    idle = desk.post(path, data=fields | {"moves": "/nothing,/x\n/new,/new"}, headers=ENGLISH)
    assert idle.status_code == 200 and "Nothing changed." in idle.text
    listed = desk.get(path, query_string={"q": "/NEW"}).text
    assert f"{ORIGIN}/old" in listed
    assert f"{ORIGIN}/new" not in desk.get(path, query_string={"q": "/old"}).text


def test_a_search_for_a_page_reads_some_pages_and_goes_on(
    app: Flask, desk: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "LOOK", 2)
    for number in range(5):
        Reader(app.test_client(), "Hanako").post(f"words {number}", url=f"{ORIGIN}/story/{number}")
    seen, address = [], "/sites/paper/threads?q=story"
    for _page in range(3):
        page = BeautifulSoup(desk.get(address, headers=ENGLISH).text, "html.parser")
        seen.append([each.get_text() for each in page.select("li p[dir=ltr]")])
        link = page.select_one("a[rel=next]")
        address = str(link["href"]) if link else ""
    assert [len(each) for each in seen] == [2, 2, 1] and not address
    assert len({each for some in seen for each in some}) == 5, "each page once"
    oldest = desk.get("/sites/paper/threads?q=story/0", headers=ENGLISH).text
    assert "Showing recent articles only." in oldest and "No page has this" not in oldest


@pytest.mark.parametrize("moves", ["/old", "/old,https://elsewhere.example/", "/old,/new\nnonsense,/x"])
def test_moves_that_cannot_be_done_change_nothing_and_stay_in_the_form(
    desk: FlaskClient, client: FlaskClient, paper: Site, moves: str
) -> None:
    Reader(client, url=f"{ORIGIN}/old").post("here I am")
    path = "/sites/paper/threads"
    answer = desk.post(path, data=fields_of(desk.get(path), path) | {"moves": moves})
    assert answer.status_code == 422
    assert BeautifulSoup(answer.text, "html.parser").find("textarea").text.strip() == moves
    assert "here" in Reader(client, url=f"{ORIGIN}/old").get_thread().text


def test_a_moderator_moves_no_pages(app: Flask, db_session: Session, paper: Site) -> None:
    a_moderator(db_session, paper, "bob")
    bob = at_the_desk(app, "bob")
    assert bob.get("/sites/paper/threads").status_code == 403
    assert "/sites/paper/threads" not in bob.get("/sites/paper/embed").text
