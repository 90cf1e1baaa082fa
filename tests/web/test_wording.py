"""A site's own words: house rules above the form, the tick with its version, notices and the footer of emails."""

from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.comments import person, person_export
from app.lib import markup
from app.models import Moderator, Role, Site, State, Status, Wording, words_of
from app.models.audit import AuditEvent
from app.models.wording import DEFAULTS
from app.moderation import articles
from app.moderation.decide import decide
from app.notify import outbox
from tests.cast import PAGE, Reader, a_moderator, a_site, the_comment
from tests.services import MailServer
from tests.web.test_queue import ENGLISH, at_the_desk
from tests.web.test_sites import fields_of

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = ONE_DATABASE
EVIL = "**Be kind.** <script>alert(1)</script> [x](javascript:alert(1)) [ok](https://paper.example/why)"
NAVIGATES = {"Sec-Fetch-Mode": "navigate", "Origin": "http://localhost"}
ASKED = "Read the house rules, and tick that you accept them."
CHANGED = "The house rules have changed. Read them, and tick that you accept them."


@pytest.fixture
def settings(settings: dict[str, str]) -> dict[str, str]:
    return settings | {"UNDO_WINDOW": "0"}


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper, role=Role.ADMIN)


@pytest.fixture
def hanako(client: FlaskClient, alice: Moderator) -> Reader:
    return Reader(client)


def write(db_session: Session, paper: Site, lang: str = "en", **words: Any) -> None:
    html = {"html": markup.render(words["intro"])} if "intro" in words else {}
    Wording.put(db_session.get_one(Site, paper.id), lang, DEFAULTS | words | html)
    db_session.commit()


def one(page: str, selector: str) -> Tag:
    (found,) = BeautifulSoup(page, "html.parser").select(selector)
    return found


def test_without_own_words_readers_see_our_sentence_and_no_tick(hanako: Reader) -> None:
    page = hanako.get_thread().text
    assert one(page, "form [part=rules]").text == "Be kind, stay on topic, and leave out personal data."
    assert "accepted" not in page
    assert hanako.post("First!").status_code == 201


def test_own_words_stand_above_the_form_rendered_as_comments_are(
    app: Flask, hanako: Reader, db_session: Session, paper: Site
) -> None:
    first = hanako.get_thread()
    write(db_session, paper, intro=EVIL, rules_url="https://paper.example/rules", rules_version="2026-11")
    page = hanako.get_thread()
    assert page.headers["ETag"] != first.headers["ETag"]
    above = one(page.text, "form [part=rules]")
    assert above.strong and above.strong.text == "Be kind."
    assert above.select("script") == [] and [link["href"] for link in above.select("a")] == [
        "https://paper.example/why"
    ]
    assert one(page.text, 'form a[href="https://paper.example/rules"]').text == "House rules (new tab)"
    tick = one(page.text, "form input[name=accepted]")
    assert (tick["type"], tick["value"], tick.get("checked")) == ("checkbox", "2026-11", None)
    assert Reader(app.test_client(), "Taro").get_thread().data == page.data
    write(db_session, paper, intro_shown=False, intro="kept for later")
    assert BeautifulSoup(hanako.get_thread().text, "html.parser").select("[part=rules]") == []


@pytest.mark.parametrize("headers", [{}, NAVIGATES])
def test_a_comment_needs_the_accepted_version_and_keeps_it(
    hanako: Reader, db_session: Session, paper: Site, headers: dict[str, str]
) -> None:
    write(db_session, paper, rules_version="2026-11")
    for sent, sentence in ((None, ASKED), ("2026-10", CHANGED)):
        more = {"accepted": sent} if sent else {}
        answer = hanako.post("my long thoughts", headers=headers, **more)
        assert answer.status_code == 422
        assert one(answer.text, "#kaiwa-accepted-error").text == sentence
        assert one(answer.text, "textarea[name=body]").text.strip() == "my long thoughts"
    # Another error leaves the tick where it is.
    answer = hanako.post("", accepted="2026-11", headers=headers)
    assert answer.status_code == 422 and one(answer.text, "#kaiwa-accepted").has_attr("checked")
    assert hanako.client.post("/embed/preview", data=hanako.fields(body="look")).status_code == 200
    assert hanako.post("my long thoughts", accepted="2026-11", headers=headers).status_code in (201, 303)
    comment = the_comment(db_session, "my long thoughts")
    assert comment.accepted == "2026-11"
    assert next(person_export.export(person.Person(hanako.email, [comment.author]))["comments"])["accepted_rules"] == (
        "2026-11"
    )
    write(db_session, paper, rules_version="2027-01")
    assert hanako.post("once more", accepted="2026-11", headers=headers).status_code == 422
    assert hanako.post("my long thoughts", accepted="2026-11", headers=headers).status_code in (201, 303), "a retry"
    assert the_comment(db_session, "my long thoughts").accepted == "2026-11"


def test_another_language_does_not_avoid_the_tick(hanako: Reader, db_session: Session, paper: Site) -> None:
    write(db_session, paper, intro="English only", rules_version="2026-11", closed_text="Closed, sorry.")
    write(db_session, paper, "ja", intro="日本語の文章")
    japanese = hanako.get_thread(lang="ja").text
    assert one(japanese, "[part=rules]").text.strip() == "日本語の文章"
    assert one(japanese, "input[name=accepted]")["value"] == "2026-11"
    assert hanako.post("こんにちは", lang="ja").status_code == 422
    write(db_session, paper, "ja", rules_version="第2版")
    assert hanako.post("こんにちは", lang="ja", accepted="2026-11").status_code == 422
    assert hanako.post("こんにちは", lang="ja", accepted="第2版").status_code == 201
    write(db_session, paper, intro="English only")
    assert hanako.post("Hello", lang="en").status_code == 422, "nor by the site's own language"
    assert hanako.post("Hello", lang="en", accepted="第2版").status_code == 201


def test_notices_are_in_the_readers_language(hanako: Reader, db_session: Session, paper: Site) -> None:
    write(db_session, paper, closed_text="Until <b>tomorrow</b>.", held_text="We read all.")
    write(db_session, paper, "ja", closed_text="明日まで休みます。")
    hanako.post("First!")
    thread = the_comment(db_session, "First!").thread
    for state, english, japanese in (
        (State.HELD, "We read all.", "この記事への新しいコメントは、確認後に表示されます。"),
        (State.CLOSED, "Until &lt;b&gt;tomorrow&lt;/b&gt;.", "明日まで休みます。"),
    ):
        articles.set_state(thread, state)
        db_session.commit()
        assert english in hanako.get_thread().text
        assert japanese in hanako.get_thread(lang="ja").text
    assert "明日まで休みます。" in hanako.post("late", lang="ja").text


def test_programs_learn_the_version_and_must_send_it(client: FlaskClient, db_session: Session, paper: Site) -> None:
    where = {"site": "paper", "url": PAGE, "lang": "en"}
    new = where | {"name": "Bot", "email": "bot@readers.example", "body": "Good morning"}
    assert client.get("/api/v1/threads", query_string=where).json["rules"] == {"html": None, "url": "", "version": ""}
    write(db_session, paper, intro=EVIL, rules_url="https://paper.example/rules", rules_version="2026-11")
    rules = client.get("/api/v1/threads", query_string=where).json["rules"]
    assert (rules["url"], rules["version"]) == ("https://paper.example/rules", "2026-11")
    assert "<strong>Be kind.</strong>" in rules["html"] and "<script" not in rules["html"]
    answer = client.post("/api/v1/comments", json=new)
    assert (answer.status_code, answer.json["errors"]) == (422, {"accepted": [ASKED]})
    assert client.post("/api/v1/comments", json=new | {"accepted": "1"}).json["errors"] == {"accepted": [CHANGED]}
    key, sent = {"Idempotency-Key": "k1"}, new | {"accepted": rules["version"]}
    first = client.post("/api/v1/comments", json=sent, headers=key)
    assert first.status_code == 201
    # A retry is answered as before, a stranger who knows its key learns nothing, and other texts need the new version.
    write(db_session, paper, rules_version="2027-01")
    again = client.post("/api/v1/comments", json=sent, headers=key)
    assert (again.status_code, again.json["comment"]["id"]) == (201, first.json["comment"]["id"])
    other = {"body": "Good evening"}
    assert client.post("/api/v1/comments", json=sent | other, headers=key).json["code"] == "key_reused"
    for more, extra in ((other, {}), ({"body": ""}, key), ({"name": "Eve"}, {})):
        assert client.post("/api/v1/comments", json=sent | more, headers=extra).json["code"] == "invalid", more


def test_a_site_that_gets_the_id_of_a_removed_one_does_not_get_its_words(
    app: Flask, db_session: Session, paper: Site
) -> None:
    write(db_session, paper, closed_text="Gone fishing.")
    old = db_session.get_one(Site, paper.id)
    assert words_of(old, "en").closed_text == "Gone fishing."
    new = Site(id=old.id, key="tribune", version=old.version, lang="en")
    db_session.query(Wording).delete()
    assert words_of(new, "en").closed_text == ""
    db_session.rollback()


def test_an_administrator_previews_and_saves_words_in_each_language(
    app: Flask, desk: FlaskClient, db_session: Session, paper: Site
) -> None:
    path = "/sites/paper/words"
    page = desk.get(path, query_string={"lang": "ja"}, headers=ENGLISH)
    fields = fields_of(page, f"{path}?lang=ja")
    assert one(page.text, ".seen-by-readers [part=rules]").text.startswith("記事に関するご意見")
    words = {
        "intro": EVIL,
        "rules_version": " 第 2 版 ",
        "email_footer": "潮凪だより\n編集部",
        "held_text": "確認します。",
    }
    looked = desk.post(f"{path}?lang=ja", data=fields | words | {"look": "1"}, headers=ENGLISH)
    preview = one(looked.text, ".seen-by-readers")
    assert preview.strong and preview.select("script") == [] and "コメントガイドラインに同意します。" in preview.text
    assert "確認します。" in preview.text and "潮凪だより" in preview.text
    assert db_session.query(Wording).count() == 0
    before = paper.version
    db_session.commit()
    wrong = desk.post(f"{path}?lang=ja", data=fields | {"rules_url": "javascript:alert(1)", "held_text": "x" * 301})
    assert wrong.status_code == 422 and len(BeautifulSoup(wrong.text, "html.parser").select("span.error")) == 2
    assert desk.post(f"{path}?lang=ja", data=fields | words).status_code == 303
    saved = db_session.query(Wording).one()
    assert (saved.lang, saved.rules_version, saved.intro, saved.email_footer) == (
        "ja",
        "第 2 版",
        EVIL,
        "潮凪だより\n編集部",
    )
    assert "<script" not in saved.html and db_session.query(Wording).count() == 1
    db_session.refresh(paper)
    assert paper.version == before + 1
    db_session.commit()
    (changed,) = db_session.query(AuditEvent).filter_by(event="settings_changed")
    assert changed.said["changes"]["rules_version (ja)"] == ["", "第 2 版"]
    db_session.commit()
    # Nothing has changed; then all words are taken back.
    assert desk.post(f"{path}?lang=ja", data=fields | words).status_code == 303
    db_session.refresh(paper)
    assert paper.version == before + 1
    db_session.commit()
    desk.post(f"{path}?lang=ja", data=fields)
    assert db_session.query(Wording).count() == 0
    db_session.commit()
    a_moderator(db_session, paper, "bob")
    assert at_the_desk(app, "bob").get(path).status_code == 403


def test_emails_to_readers_end_with_the_footer_of_their_language(
    hanako: Reader, db_session: Session, paper: Site, alice: Moderator, smtp: MailServer
) -> None:
    write(db_session, paper, email_footer="The Paper <1 Quay>\nCall us")
    write(db_session, paper, "ja", email_footer="潮凪だより編集部")
    hanako.post("First!", notify="y", lang="en")
    comment = the_comment(db_session, "First!")
    outbox.run_once()
    comment.author.confirmed_index = comment.author.email_index
    decide(comment, Status.REJECTED, seen=comment.version, by=alice)
    db_session.commit()
    outbox.run_once()
    confirm, answer = (each.message for each in smtp.emails if "hanako@" in each.message["To"])
    for message in (confirm, answer):
        assert (
            message.get_body(("plain",))
            .get_content()
            .replace("\r", "")
            .rstrip()
            .endswith("The Paper <1 Quay>\nCall us")
        )
        assert "The Paper &lt;1 Quay&gt;" in message.get_body(("html",)).get_content()


def test_the_command_shows_and_changes_words(app: Flask, db_session: Session, paper: Site) -> None:
    def run(*words: str, code: int = 0) -> str:
        done = app.test_cli_runner().invoke(args=["site", "words", "paper", *words])
        assert done.exit_code == code, done.output
        return done.output

    assert "intro_shown=yes\n" in run()
    out = run("intro=**Be kind.**", "rules_version=2", "--lang", "ja")
    assert "intro=**Be kind.**" in out and "rules_version=2" in out
    assert "Enter a full URL" in run("rules_url=javascript:x", "closed_text=no", code=1)
    assert "Unknown: colour" in run("colour=red", code=1)
    assert "closed_text=\n" in run()
    db_session.expire_all()
    saved = db_session.query(Wording).one()
    assert (saved.lang, saved.html, saved.rules_version) == ("ja", "<p><strong>Be kind.</strong></p>\n", "2")
    assert "intro_shown=no" in run("intro_shown=no", "--lang", "ja")
