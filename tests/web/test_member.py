"""Members of the publisher in the thread: log-in by a signed assertion, their comments, and pages for members only."""

import json
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.comments import members, person, person_erasure, person_export
from app.desk import member_keys
from app.lib.clock import now
from app.lib.secrets import all_keys, decrypt, encrypt, is_unreadable
from app.models import Author, Comment, MemberKey, Role, Site
from app.models.audit import Who
from app.moderation.decide import decide
from app.screening import rules
from tests.cast import ORIGIN, PAGE, Reader, a_moderator, a_site, the_comment
from tests.signed_members import PEM, PRIVATE, Publisher, claims_of, exchange, jws, logged_in, with_secret
from tests.web.test_queue import ENGLISH, at_the_desk

ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, lang="en")


@pytest.fixture
def publisher(db_session: Session, paper: Site) -> Publisher:
    return Publisher(db_session, paper)


def page_of(client: FlaskClient, **more: str) -> BeautifulSoup:
    answer = client.get("/thread", query_string={"site": "paper", "url": PAGE, "lang": "en"} | more)
    return BeautifulSoup(answer.text, "html5lib")


def test_a_member_comments_with_name_and_badge_and_nothing_typed(
    client: FlaskClient, db_session: Session, publisher: Publisher
) -> None:
    answer = exchange(client, publisher.sign(email="hanako@readers.example"))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN and "Set-Cookie" not in answer.headers
    form = BeautifulSoup(answer.text, "html5lib").find("form")
    assert "Comment as Hanako Subscriber" in " ".join(form.text.split())
    assert not form.select("[name=name],[name=email],[name=website],[name=remember]")
    assert "notify" not in exchange(client, publisher.sign()).text, "without an address there are no emails"
    assert "hanako@readers.example" not in answer.text + str(answer.headers)
    assert not db_session.query(Author).count(), "nothing is stored about a member who only reads"
    reader = Reader(client, name="Another", email="typed@readers.example", author=answer.headers["Kaiwa-Author"])
    posted = reader.post("As a member", website="https://typed.example")
    assert posted.status_code == 201 and "Kaiwa-Author" not in posted.headers and posted.headers["Kaiwa-Token"]
    assert "whenever you are logged in" in posted.text and "Keep it" not in posted.text
    comment = the_comment(db_session, "As a member")
    author = comment.author
    assert (comment.name, comment.member_badge, comment.website, author.member_sub) == (
        "Hanako",
        "Subscriber",
        "",
        "4711",
    )
    assert author.email == "hanako@readers.example" and db_session.query(MemberKey).one().used_at
    shown = BeautifulSoup(reader.get_thread().text, "html5lib").select_one("article .of-member")
    assert shown.text == "Subscriber" and "badge member-badge" in shown["part"]


def test_a_member_is_one_author_with_the_newest_name(
    client: FlaskClient, db_session: Session, publisher: Publisher
) -> None:
    logged_in(client, publisher).post("first")
    logged_in(client, publisher, name="花子", badge="", email="new@readers.example").post("second")
    logged_in(client, publisher, "4712").post("third")
    comments = db_session.query(Comment).order_by(Comment.id).all()
    assert comments[0].author_id == comments[1].author_id != comments[2].author_id
    assert [each.member_badge for each in comments] == ["Subscriber", "", "Subscriber"]
    author = comments[0].author
    assert (author.name, author.member_badge, author.email) == ("花子", "", "new@readers.example")


def test_blocks_and_trust_are_about_the_member(client: FlaskClient, db_session: Session, publisher: Publisher) -> None:
    paper = db_session.query(Site).one()
    paper.approvals_needed = 1
    db_session.commit()
    assert logged_in(client, publisher).post("first").status_code == 202
    comment = the_comment(db_session, "first")
    decide(comment, "approved", seen=comment.version)
    db_session.commit()
    other_place = Reader(client, author=logged_in(client, publisher, name="H.").author, peer="203.0.113.9")
    assert other_place.post("second", headers={"User-Agent": "other"}).status_code == 201, (
        "trusted wherever they log in"
    )
    assert logged_in(client, publisher, "4712").post("third").status_code == 202, "another member with this name"
    rules.create([rules.draft(paper, "author", "spam", str(comment.author_id))], by=None)
    db_session.commit()
    assert logged_in(client, publisher, name="New").post("fourth").status_code == 202
    assert the_comment(db_session, "fourth").status == "spam"


@ONE_DATABASE
def test_invalid_log_ins_are_refused(client: FlaskClient, db_session: Session, publisher: Publisher) -> None:
    other = Publisher(db_session, a_site(db_session, "other"))
    moment = int(now().timestamp())
    other.key.kid = "theirs"
    db_session.commit()
    wrong = {
        "": "isn’t valid", "x": "isn’t valid", "x" * 9_000: "isn’t valid",
        publisher.sign(aud="other"): "isn’t valid",
        publisher.sign(exp=moment - 60, iat=moment - 200): "has expired",
        publisher.sign(exp=moment + 900): "isn’t valid",
        jws({"alg": "HS256", "kid": "theirs"}, claims_of(), with_secret(other.secret)): "isn’t valid",
        jws({"alg": "HS256", "kid": "two"}, claims_of(), with_secret(publisher.secret)): "isn’t valid",
        jws({"alg": "HS256", "kid": "one"}, claims_of(), with_secret("guessed" * 6)): "isn’t valid",
        jws({"alg": "none", "kid": "one"}, claims_of(), lambda _message: b""): "isn’t valid",
        jws({"alg": "HS256", "kid": "one' OR 1=1"}, claims_of(), with_secret(publisher.secret)): "isn’t valid",
    }  # fmt: skip
    for assertion, sentence in wrong.items():
        answer = exchange(client, assertion)
        assert (answer.status_code, "Kaiwa-Author" in answer.headers) == (403, False), assertion
        assert sentence in answer.text and answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert exchange(client, publisher.sign(), origin="https://evil.example").status_code == 403
    assert exchange(client, publisher.sign(), site="other").status_code == 403, "signed for another site"
    ours = exchange(client, publisher.sign()).headers["Kaiwa-Author"]
    for spoiled in (f"{ours}\n", f"{ours}\r\nX-Other: 1", f"{ours[:9]} {ours[9:]}", f"{ours}é", ours[:-1], "m."):
        assert exchange(client, "", author=spoiled).status_code == 403, spoiled


UNUSABLE: list[dict[str, Any]] = [
    {"sub": None}, {"sub": ""}, {"sub": "a b"}, {"sub": "x" * 201}, {"sub": "hanako@readers.example"}, {"sub": 4711},
    {"sub": "日本"}, {"sub": "4711\n"}, {"name": None}, {"name": ""}, {"name": " \u200b"}, {"name": ["Hanako"]},
    {"name": "аdmin"}, {"name": "Pаper"}, {"name": "x" * 81}, {"badge": "Staff"}, {"badge": "ѕtaff"},
    {"badge": "Editor"}, {"badge": "編集部"}, {"badge": "x" * 41}, {"badge": {"a": 1}}, {"badge": "House team"},
    {"badge": "M0derator"}, {"email": "nowhere"}, {"email": f"{'x' * 300}@readers.example"}, {"email": 1},
]  # fmt: skip


@ONE_DATABASE
def test_facts_that_cannot_be_shown_are_refused_with_a_sentence(
    client: FlaskClient, db_session: Session, publisher: Publisher
) -> None:
    db_session.query(Site).one().staff_badge = "House team"
    db_session.commit()
    for claims in UNUSABLE:
        answer = exchange(client, publisher.sign(**{"sub": "4711"} | claims))
        assert (answer.status_code, "Kaiwa-Author" in answer.headers) == (422, False), claims
        assert BeautifulSoup(answer.text, "html5lib").find(role="alert").text
    assert exchange(client, publisher.sign(badge="Paper member", name="花子 さん")).status_code == 200


@ONE_DATABASE
def test_names_and_badges_are_text_and_names_of_staff_are_held(
    client: FlaskClient, db_session: Session, publisher: Publisher
) -> None:
    tag, script = "<b>x</b>", "<script>alert(1)</script>"
    reader = logged_in(client, publisher, name=script, badge=tag + "\u202e\n")
    reader.post("with markup")
    thread = BeautifulSoup(reader.get_thread().text, "html5lib")
    assert thread.select_one("article .name").text == script and thread.select_one(".of-member").text == tag
    assert not thread.select("script,.of-member b")
    assert logged_in(client, publisher, "admin", name="Admin").post("as admin").status_code == 202
    assert the_comment(db_session, "as admin").reasons[0]["check"] == "office"


def test_keys_are_rotated_and_revoked(client: FlaskClient, db_session: Session, publisher: Publisher) -> None:
    paper = db_session.query(Site).one()
    key = member_keys.add_public(paper, PEM, by=Who.OPERATOR)
    db_session.commit()
    assert exchange(client, jws({"alg": "EdDSA", "kid": key.kid}, claims_of(), PRIVATE.sign)).status_code == 200
    old = logged_in(client, publisher)
    assert old.post("before").status_code == 201
    member_keys.revoke(db_session.get_one(MemberKey, publisher.key.id), by=Who.OPERATOR)
    db_session.commit()
    assert exchange(client, publisher.sign()).status_code == 403
    refused = old.post("after")
    assert refused.status_code == 403 and "Your log-in has expired" in refused.text and "after" in refused.text
    assert not db_session.query(MemberKey).filter_by(id=publisher.key.id).one().key, "the secret is gone"


@ONE_DATABASE
def test_our_token_is_for_one_site_and_ends(
    client: FlaskClient, db_session: Session, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_site(db_session, "other")
    reader = logged_in(client, publisher)
    assert Reader(client, site="other", author=reader.author).post("elsewhere").status_code == 403
    for forged in ("m.", "m.x", "m." + "x" * 9_000, "m." + encrypt("hello"), "m.é", reader.author[:-2]):  # fmt: skip
        assert Reader(client, author=forged).post("forged").status_code == 403, forged
    later = now() + members.LIFE + timedelta(minutes=2)
    monkeypatch.setattr(members, "now", lambda: later)
    assert reader.post("late").status_code == 403


@ONE_DATABASE
def test_our_token_has_a_key_of_its_own_that_is_rotated_with_the_others(
    app: Flask, client: FlaskClient, db_session: Session, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, paper = logged_in(client, publisher).author, db_session.query(Site).one()
    db_session.commit()
    assert is_unreadable(decrypt(token.removeprefix("m."), all_keys())), "nor can a column become a token"
    claim = json.dumps([paper.id, publisher.key.id, int(now().timestamp()), ["4711", "Hanako", "", ""]])
    assert Reader(client, author=f"m.{encrypt(claim)}").post("from a column").status_code == 403
    earlier = app.config["SECRET_KEY"]
    monkeypatch.setitem(app.config, "SECRET_KEY", "n" * 64)
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", (earlier,))
    assert members._read(token) and members._read(members.PREFIX + encrypt("[1]", members.PURPOSE)) == [1]
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", ())
    assert members._read(token) is None


@ONE_DATABASE
def test_the_same_assertion_again_gives_the_same_member_and_a_retry_one_comment(
    client: FlaskClient, db_session: Session, publisher: Publisher
) -> None:
    assertion = publisher.sign()
    first, again = (Reader(client, author=exchange(client, assertion).headers["Kaiwa-Author"]) for _time in range(2))
    key = {"Idempotency-Key": "one"}
    assert first.post("once", headers=key).status_code == again.post("once", headers=key).status_code == 201
    assert db_session.query(Comment).count() == db_session.query(Author).count() == 1
    db_session.commit()
    other = logged_in(client, publisher, "4712")
    assert other.post("once", headers=key).status_code == 422, "another member's key"
    assert other.post("once").status_code == 201, "the same words of another member with the same name"


@pytest.mark.parametrize("level", ["site", "section", "article", "claim"])
@ONE_DATABASE
def test_only_members_may_comment_where_site_section_or_article_say_so(
    client: FlaskClient, db_session: Session, publisher: Publisher, level: str
) -> None:
    Reader(client).post("before")
    paper = db_session.query(Site).one()
    thread = the_comment(db_session, "before").thread
    more: dict[str, str] = {}
    section = {
        "key": "local",
        "name": "Local",
        "paths": ["/story"],
        "state": "open",
        "hold": None,
        "commenters": "members",
    }
    if level == "site":
        paper.change({"commenters": "members", "login_url": "https://paper.example/login"})
    elif level == "section":
        paper.change({"sections": [section]})
        thread.follow_path()
    elif level == "article":
        thread.let_comment("members")
    else:
        paper.change({"sections": [section | {"paths": []}]})
        more = {"section": "local"}
    db_session.commit()
    guest, member = Reader(client), logged_in(client, publisher)
    refused = guest.post("as a guest", **more)
    assert refused.status_code == 403 and "Only members can comment here." in refused.text
    assert member.post("as a member", **more).status_code == 201
    page = page_of(client, **more)
    notice = page.find(id="respond")
    assert not page.select("form.respond") and "Only members can comment here." in notice.text
    links = [link["href"] for link in notice.select("a")]
    assert links == (["https://paper.example/login"] if level == "site" else [])
    assert "as a member" in page.text and page.select("a.reply")
    no_script = {"Sec-Fetch-Mode": "navigate", "Origin": ORIGIN}
    again = guest.post("typed without a script", headers=no_script, **more)
    assert again.status_code == 403 and "typed without a script" in again.text
    if level == "site":
        thread.let_comment("everyone")
        db_session.commit()
        assert guest.post("the article is for everyone").status_code == 201


@ONE_DATABASE
def test_a_claimed_section_makes_no_page_milder(client: FlaskClient, db_session: Session, publisher: Publisher) -> None:
    paper = db_session.query(Site).one()
    section = {"key": "open", "name": "Open", "paths": [], "state": "open", "hold": None, "commenters": "everyone"}
    paper.change({"commenters": "members", "sections": [section]})
    db_session.commit()
    assert Reader(client).post("as a guest", section="open").status_code == 403


@ONE_DATABASE
def test_public_bytes_are_the_same_for_members(client: FlaskClient, db_session: Session, publisher: Publisher) -> None:
    Reader(client).post("first")
    for commenters in ("everyone", "members"):
        db_session.query(Site).one().change({"commenters": commenters})
        db_session.commit()
        for path in ("/embed/thread", "/thread", "/embed/static"):
            query = {"site": "paper", "url": PAGE}
            before = client.get(path, query_string=query)
            member = logged_in(client, publisher)
            client.set_cookie("kaiwa_own", member.author)
            cookies = {"Kaiwa-Author": member.author, "Authorization": f"Bearer {member.author}"}
            after = client.get(path, query_string=query, headers=cookies)
            assert before.data == after.data and "Set-Cookie" not in after.headers, path
            told = [{**answer.headers, "X-Request-Id": "", "Date": ""} for answer in (before, after)]
            assert told[0] == told[1] and "Hanako</b> <span" not in after.text
            client.delete_cookie("kaiwa_own")


@ONE_DATABASE
def test_without_a_script_a_member_gets_the_form_on_the_page_and_logs_out(
    client: FlaskClient, db_session: Session, publisher: Publisher
) -> None:
    db_session.query(Site).one().change({"commenters": "members"})
    db_session.commit()
    go = {"Sec-Fetch-Mode": "navigate", "Origin": ORIGIN}
    given = {"site": "paper", "url": PAGE, "lang": "en"}
    answer = client.post("/embed/member", data=given | {"member": publisher.sign()}, headers=go)
    assert answer.status_code == 303 and "HttpOnly" in answer.headers["Set-Cookie"]
    page = BeautifulSoup(client.get(answer.location).text, "html5lib")
    form = page.select_one("form.respond")
    assert "Comment as Hanako" in " ".join(form.text.split())
    fields = {each["name"]: each.get("value", "") for each in form.select("[name]")} | {"body": "no script"}
    posted = client.post("/embed/comments", data=fields, headers=go)
    assert posted.status_code == 303
    assert the_comment(db_session, "no script").author.member_sub == "4711"
    page = BeautifulSoup(client.get(posted.location).text, "html5lib")
    assert page.select("form.respond .as") and "own=1" in page.select_one("a.reply")["href"]
    out = client.post("/embed/member", data=given, headers=go)
    assert out.status_code == 303 and "own=1" not in out.location
    page = BeautifulSoup(client.get(posted.location).text, "html5lib")
    assert not page.select("form.respond")
    assert client.post("/embed/member", data=given | {"member": "x"}, headers=go).status_code == 403


@ONE_DATABASE
def test_a_member_sees_their_own_pending_comments_on_another_device(
    client: FlaskClient, db_session: Session, publisher: Publisher
) -> None:
    db_session.query(Site).one().hold_all = True
    db_session.commit()
    logged_in(client, publisher).post("pending of 4711")
    logged_in(client, publisher, "4712").post("pending of 4712")
    Reader(client).post("pending of a guest")
    answer = exchange(client, publisher.sign())
    assert "pending of 4711" in answer.text and "4712" not in answer.text and "a guest" not in answer.text
    own = {"site": "paper", "url": PAGE, "author": answer.headers["Kaiwa-Author"]}
    again = client.post("/embed/member", data=own, headers={"Origin": ORIGIN})
    assert again.status_code == 200 and again.headers["Kaiwa-Author"] == own["author"], "another thread of an open page"
    assert client.post("/embed/member", data=own | {"author": "m.x"}, headers={"Origin": ORIGIN}).status_code == 403
    mine = client.post("/embed/own", data=own, headers={"Origin": ORIGIN})
    assert "pending of 4711" in mine.text and "4712" not in mine.text
    assert "pending" not in exchange(client, publisher.sign(), url=f"{ORIGIN}/other").text


@ONE_DATABASE
def test_log_ins_of_a_network_are_limited(client: FlaskClient, db_session: Session, publisher: Publisher) -> None:
    db_session.query(Site).one().flood_per_address = 2
    db_session.commit()
    answers = [exchange(client, "x").status_code for _time in range(12)]
    assert answers[0] == 403 and answers[-1] == 429


@ONE_DATABASE
def test_moderators_see_who_the_member_is(client: FlaskClient, db_session: Session, publisher: Publisher) -> None:
    paper = db_session.query(Site).one()
    a_moderator(db_session, paper, role=Role.OWNER)
    paper.hold_all = True
    db_session.commit()
    logged_in(client, publisher, "auth0|4711").post("by a member")
    card = BeautifulSoup(at_the_desk(client.application).get("/moderate/", headers=ENGLISH).text, "html5lib")
    assert "auth0|4711" in card.text and "Subscriber" in card.select_one("h2.who").text


@ONE_DATABASE
def test_a_member_without_an_address_is_exported_and_erased(
    client: FlaskClient, db_session: Session, publisher: Publisher
) -> None:
    logged_in(client, publisher).post("of 4711")
    logged_in(client, publisher, "4712").post("of 4712, who knows 4711")
    paper = db_session.query(Site).one()
    assert not person.find("member:4713", paper).is_known and not person.find("member:", paper).is_known
    found = person.find("member:4711", paper)
    told = person_export.export(found)
    assert [each["member"] for each in told["authors"]] == ["4711"] and told["is_moderator"] is False
    assert [(each["text"], each["badge"]) for each in told["comments"]] == [("of 4711", "Subscriber")]
    for _step in person_erasure.erase(found, person_erasure.Receipt(), remove_text=False):
        db_session.commit()
    first, other = db_session.query(Comment).order_by(Comment.id).all()
    assert (first.name, first.member_badge, first.author.member_sub) == ("Deleted author", "", None)
    assert (other.body, other.author.member_sub) == ("of 4712, who knows 4711", "4712")
    db_session.commit()
    assert logged_in(client, publisher).post("comes back").status_code == 201
    assert the_comment(db_session, "comes back").author_id != first.author_id
