"""Moderation by a program: the queue, decisions with `seen`, conflicts, undo, batches, notes, replies."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from app.lib.clock import now
from app.models import AuditEvent, Claim, Comment, Decision, Job, JobState, Moderator, Notice, Role, Scope, Site, Status
from app.moderation import notices
from app.moderation.decide import decide
from app.moderation.notices import Draft
from tests.cast import Program, Reader, a_moderator, a_site, a_token, the_comment


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, hold_all=True, lang="en", reports_needed=1)


@pytest.fixture
def held(app: Flask, paper: Site) -> list[str]:
    """Texts of pending comments."""
    texts = [f"The ferry at {hour} o’clock" for hour in range(5)]
    for hour, text in enumerate(texts):
        assert Reader(app.test_client(), f"Reader {hour}", f"r{hour}@readers.example").post(text).status_code == 202
    return texts


def test_a_whole_session(program: Program, helper: Program, held: list[str], db_session: Session) -> None:
    queue = program.get("/queue").json
    assert [each["body"] for each in queue["comments"]] == held and queue["counts"]["5"] == 5
    first, second, third, *rest = queue["comments"]
    assert first["status"] == "pending" and first["record"] == {"pending": 1} and first["thread"]["url"]
    leased = program.post("/queue/leases", {"comments": [first["id"], second["id"]]}).json
    assert leased == {"comments": [first["id"], second["id"]]}
    assert [each["id"] for each in helper.get("/queue").json["comments"]] == [each["id"] for each in (third, *rest)]

    made = program.post(f"/comments/{first['id']}/decisions", {"status": "approved", "seen": first["version"]})
    assert (made.status_code, made.json["to_status"], made.json["moderator"]) == (200, "approved", "CMS")
    assert program.get(f"/comments/{first['id']}").json["status"] == "approved"

    # The helper saw the comment before that.
    late = helper.post(f"/comments/{first['id']}/decisions", {"reason": "off_topic", "seen": first["version"]})
    assert (late.status_code, late.json["code"]) == (409, "already_decided")
    current = late.json["current"]
    assert (current["status"], current["decision"]["moderator"]) == ("approved", "CMS")
    override = {"reason": "off_topic", "seen": current["version"], "override": True}
    replaced = helper.post(f"/comments/{first['id']}/decisions", override).json
    assert (replaced["to_status"], replaced["reason"], replaced["overrides"]) == ("rejected", "off_topic", True)

    undone = program.post(f"/decisions/{replaced['id']}/undo").json
    assert (undone["to_status"], undone["undoes"], undone["moderator"]) == ("approved", replaced["id"], "CMS")
    assert helper.post(f"/decisions/{made.json['id']}/undo").status_code == 409

    noted = program.post(f"/comments/{second['id']}/notes", {"text": "Asked the newsroom."})
    assert (noted.status_code, [note["by"] for note in noted.json["notes"]]) == (201, ["CMS"])

    seen = [{"id": each["id"], "seen": each["version"]} for each in (second, third, *rest)]
    stale = [*seen[:-1], {"id": seen[-1]["id"], "seen": 0}, {"id": 10**9, "seen": 1}]
    outcome = program.post("/decisions", {"comments": stale, "status": "spam"}).json
    assert [each["to_status"] for each in outcome["decided"]] == ["spam"] * 3
    assert ([each["id"] for each in outcome["changed"]], outcome["gone"]) == ([seen[-1]["id"]], [10**9])
    back = program.post("/decisions/undo", {"decisions": [each["id"] for each in outcome["decided"]]}).json
    assert [each["to_status"] for each in back["decided"]] == ["pending"] * 3

    log = program.get("/log", people="true").json["decisions"]
    assert len(log) == 9 and {each["moderator"] for each in log} == {"CMS", "Helper"}
    history = program.get(f"/comments/{first['id']}/decisions").json["decisions"]
    assert [each["to_status"] for each in history] == ["pending", "approved", "rejected", "approved"]


def test_a_decision_that_is_sent_again_gets_the_first_answer(
    program: Program, helper: Program, held: list[str], db_session: Session
) -> None:
    comment = the_comment(db_session, held[0])
    path, sent = f"/comments/{comment.id}/decisions", {"reason": "hate", "seen": comment.version}
    first = program.post(path, sent, **{"Idempotency-Key": "one"})
    helper.post(f"/decisions/{first.json['id']}/undo")
    again = program.post(path, sent, **{"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json | {"can_be_undone": True} == first.json
    undo = f"/decisions/{program.post(path, sent | {'seen': comment.version + 2}).json['id']}/undo"
    assert program.post(undo).json == program.post(undo).json
    assert db_session.query(Decision).filter_by(comment_id=comment.id).count() == 5

    # Many at once; and others that were undone by the helper stay what they are.
    seen = [{"id": found.id, "seen": found.version} for found in (the_comment(db_session, text) for text in held[1:4])]
    batch = {"comments": seen, "status": "spam"}
    made = [each["id"] for each in program.post("/decisions", batch).json["decided"]]
    helper.post(f"/decisions/{made[2]}/undo")
    undone = program.post("/decisions/undo", {"decisions": made}).json
    assert [each["undoes"] for each in undone["decided"]] == made[:2] and len(undone["changed"]) == 1
    count = db_session.query(Decision).count()
    assert program.post("/decisions/undo", {"decisions": made}).json["decided"] == undone["decided"]
    assert helper.post("/decisions/undo", {"decisions": made[:2]}).json["decided"] == []
    # Also of comments that their authors have deleted since.
    db_session.expire_all()
    for each in seen:
        decide(found := db_session.get_one(Comment, each["id"]), Status.DELETED, seen=found.version)
    db_session.commit()
    again = program.post("/decisions", batch).json
    assert ([each["id"] for each in again["decided"]], again["changed"], again["gone"]) == (made, [], [])
    one = program.post(f"/comments/{seen[0]['id']}/decisions", {"status": "spam", "seen": seen[0]["seen"]})
    assert one.json["id"] == made[0]
    assert helper.post("/decisions", batch).json["gone"] == [each["id"] for each in seen]
    assert db_session.query(Decision).count() == count + len(seen)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_export_that_is_sent_again_with_its_key_is_the_first_one(
    app: Flask, program: Program, db_session: Session, paper: Site
) -> None:
    key, csv = {"Idempotency-Key": "monday"}, {"format": "csv"}
    first = program.post("/exports", csv, **key)
    assert program.post("/exports", csv, **key).json == first.json
    job = db_session.get_one(Job, first.json["id"])
    job.move_to(JobState.DONE)
    db_session.commit()
    again = program.post("/exports", csv, **key)
    assert (again.status_code, again.json) == (201, first.json)
    reused = program.post("/exports", {"format": "wxr"}, **key)
    assert (reused.status_code, reused.json["code"]) == (422, "key_reused")
    too_long = program.post("/exports", csv, **{"Idempotency-Key": "x" * 201})
    assert (too_long.status_code, too_long.json["code"]) == (400, "bad_request_key")
    # Another token's key is another key.
    other = Program(app.test_client(), a_token(db_session, paper, name="Backup"))
    assert other.post("/exports", csv, **key).json["id"] != job.id
    assert program.post("/exports", csv).json["code"] == "busy"
    assert db_session.query(Job).count() == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_invalid_decisions_are_refused(program: Program, held: list[str], db_session: Session) -> None:
    comment = the_comment(db_session, held[0])
    path = f"/comments/{comment.id}/decisions"
    for body, field in (
        ({"seen": comment.version}, "status"), ({"status": "approved"}, "seen"),
        ({"status": "deleted", "seen": 2}, "status"),
        ({"status": "x", "seen": 2}, "status"), ({"status": "approved", "seen": "2"}, "seen"),
        ({"status": "approved", "seen": True}, "seen"), ({"status": "approved", "seen": -1}, "seen"),
        ({"status": "approved", "seen": 10**19}, "seen"), ({"status": "rejected", "reason": "x", "seen": 2}, "reason"),
        ({"status": "rejected", "text": "n" * 2001, "seen": 2}, "text"),
    ):  # fmt: skip
        answer = program.post(path, body)
        assert (answer.status_code, answer.json["code"], list(answer.json["errors"])) == (422, "invalid", [field]), body
    assert program.post(path, [{"status": "approved"}]).status_code == 400  # type: ignore[arg-type]
    too_many = [{"id": 1, "seen": 1}] * 501
    assert program.post("/decisions", {"comments": too_many, "status": "spam"}).status_code in (400, 422)
    assert the_comment(db_session, held[0]).version == comment.version


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_program_replies_as_staff_and_edits_its_reply(
    program: Program, helper: Program, held: list[str], client: FlaskClient, db_session: Session
) -> None:
    comment = the_comment(db_session, held[0])
    sent = {"body": "Thank you, we have corrected it.", "seen": comment.version}
    reply = program.post(f"/comments/{comment.id}/replies", sent)
    assert (reply.status_code, reply.json["status"], reply.json["name"]) == (201, "approved", "Paper")
    assert program.post(f"/comments/{comment.id}/replies", sent).status_code == 200
    edited = program.post(f"/comments/{reply.json['id']}/edit", {"body": "Thank you. It is **corrected**."})
    assert edited.json["html"].strip() == "<p>Thank you. It is <strong>corrected</strong>.</p>"
    assert helper.post(f"/comments/{reply.json['id']}/edit", {"body": "Not mine"}).status_code == 403
    assert program.post(f"/comments/{reply.json['id']}/edit", {"body": "  "}).json["errors"].keys() == {"body"}
    assert program.post(f"/comments/{reply.json['id']}/withdraw").json["to_status"] == "deleted"
    assert db_session.query(Comment).filter_by(status=Status.DELETED).count() == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_lists_have_a_cursor_a_link_and_an_etag(program: Program, held: list[str]) -> None:
    seen, path = [], "/comments"
    query: dict[str, object] = {"limit": 2, "status": "pending"}
    while True:
        page = program.get(path, **query)
        seen += [each["body"] for each in page.json["comments"]]
        if not page.json["next"]:
            break
        following = f"http://localhost/api/v1/comments?limit=2&status=pending&after={page.json['next']}"
        assert page.headers["Link"] == f'<{following}>; rel="next"'
        query["after"] = page.json["next"]
    assert seen == held[::-1]
    first = program.get(path)
    assert first.headers["Cache-Control"] == "private, no-cache" and "Authorization" in first.headers["Vary"]
    again = program.client.get("/api/v1/comments", headers=program.headers | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    queue = program.get("/queue", limit=2)
    rest = program.get("/queue", limit=100, after=queue.json["next"])
    assert [each["body"] for page in (queue, rest) for each in page.json["comments"]] == held
    # The first page again would have no end.
    for wrong in ("42", "x", f"{queue.json['next']}0.1"):
        refused = program.get("/queue", after=wrong)
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["after"]), wrong


def test_threads_change_state_and_move(program: Program, held: list[str], db_session: Session) -> None:
    (thread,) = program.get("/threads").json["threads"]
    assert (thread["state"], thread["comments"], thread["approved"]) == ("open", 5, 0)
    closed = program.post(f"/threads/{thread['id']}/state", {"state": "closed", "reason": "over"}).json
    assert (closed["thread"]["state_now"], closed["change"]["moderator"]) == ("closed", "CMS")
    assert program.post(f"/threads/{thread['id']}/state", {"state": "closed"}).json["change"] is None
    assert program.post(f"/threads/changes/{closed['change']['id']}/undo").json["thread"]["state"] == "open"
    assert program.post(f"/threads/changes/{closed['change']['id']}/undo").status_code == 409
    named = program.post(f"/threads/{thread['id']}", {"title": "The ferry"}).json
    assert named["title"] == "The ferry" and named == program.get(f"/threads/{thread['id']}").json
    pair = {"old": "/story", "new": "/2026/story"}
    tried = program.post("/threads/moves", {"moves": [pair], "dry_run": True}).json
    assert (tried["done"], tried["moves"][0]["outcome"]) == (False, "moved")
    assert program.get(f"/threads/{thread['id']}").json["key"].endswith("/story")
    assert program.post("/threads/moves", {"moves": [pair]}).json["done"]
    assert program.get("/threads", q="2026").json["threads"][0]["id"] == thread["id"]


def test_authors_are_trusted_held_and_blocked(
    app: Flask, program: Program, helper: Program, held: list[str], db_session: Session
) -> None:
    author = the_comment(db_session, held[0]).author_id
    trusted = helper.post(f"/authors/{author}/trust", {"effect": "allow"}).json
    assert (trusted["effect"], trusted["made_by"]) == ("allow", "Helper") and trusted["expires_at"]
    shown = program.get(f"/authors/{author}").json
    assert (shown["name"], shown["record"], len(shown["rules"])) == ("Reader 0", {"pending": 1}, 1)
    assert helper.post(f"/authors/{author}/block", {"days": 0}).status_code == 422
    blocked = program.post(f"/authors/{author}/block", {"reason": "spam", "clear": True}).json
    assert blocked["rule"]["effect"] == "spam" and len(blocked["cleared"]) == 1
    assert the_comment(db_session, held[0]).status == Status.SPAM


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_rules_are_tried_added_and_ended(program: Program, held: list[str]) -> None:
    rule = {"subject": "word", "value": "ferry", "effect": "hold"}
    tried = program.post("/rules", rule | {"dry_run": True})
    assert (tried.status_code, tried.json["by_status"], len(tried.json["comments"])) == (200, {"pending": 5}, 5)
    assert program.get("/rules").json == {"active": [], "ended": []}
    added = program.post("/rules", rule | {"days": 3})
    assert (added.status_code, added.json["value"], added.json["made_by"]) == (201, "ferry", "CMS")
    assert program.post(f"/rules/{added.json['id']}/end").json["ended_at"]
    assert len(program.get("/rules").json["ended"]) == 1
    wrong = program.post("/rules", {"subject": "pattern", "value": "(", "effect": "hold"})
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["value"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_settings_change_together_or_not_at_all(program: Program, db_session: Session, paper: Site) -> None:
    before = program.get("/settings").json
    assert before["settings"]["hold_all"] is True and "akismet_key" not in before["settings"]
    refused = program.post("/settings", {"max_links": 3, "page_size": 5})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["page_size"])
    changed = program.post("/settings", {"max_links": 3, "origins": ["https://a.example"], "hold_all": False}).json
    assert changed["settings"]["origins"] == ["https://a.example"] and changed["version"] == before["version"] + 1
    assert program.get("/settings").json == changed
    (event,) = db_session.query(AuditEvent).filter_by(event="settings_changed")
    assert (event.actor, event.actor_name, sorted(event.said["changes"])) == ("token", "CMS", [
        "hold_all", "max_links", "origins"])  # fmt: skip


def test_search_statistics_reports_and_the_stream_of_the_log(
    app: Flask, program: Program, held: list[str], db_session: Session, paper: Site
) -> None:
    alice = a_moderator(db_session, paper)
    comment = the_comment(db_session, held[0])
    decide(comment, Status.APPROVED, seen=comment.version, by=alice)
    db_session.commit()
    app.test_client().post(f"/embed/report/{comment.id}", data={"reason": "hate", "note": "rude"})
    (report,) = program.get("/reports", open="true").json["reports"]
    assert (report["comment"], report["reason"], report["note"], report["decision"]) == (
        comment.id,
        "hate",
        "rude",
        None,
    )
    assert [each["body"] for each in program.get("/search", q="ferry 3").json["comments"]] == [held[3]]
    assert program.get("/search").json == {"comments": [], "next": None}
    figures = program.get("/statistics", days=7).json
    assert (figures["pending"], figures["by_moderator"]["Alice"]["decided"], len(figures["by_day"])) == (4, 1, 7)
    stream = program.get("/log.jsonl")
    assert stream.content_type == "application/jsonl" and len(stream.text.splitlines()) == 7
    assert db_session.query(Moderator).count() == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_program_lists_reads_and_closes_legal_notices(
    app: Flask, program: Program, helper: Program, held: list[str], db_session: Session, paper: Site
) -> None:
    for at, text in enumerate(held[:3]):
        comment = the_comment(db_session, text)
        decide(comment, Status.APPROVED, seen=comment.version)
        draft = Draft(Claim.PRIVACY, f"Names me {at}", "A law", "Taro", f"taro{at}@notifiers.example")
        notices.submit(comment, draft)
        db_session.commit()
    # All due at once: ties are listed by id.
    db_session.query(Notice).update({"due_at": now()})
    db_session.commit()
    pages, cursor = [], ""
    while cursor is not None:
        answer = helper.get("/notices", limit=1, after=cursor)
        pages += answer.json["notices"]
        cursor = answer.json["next"]
        assert ('rel="next"' in answer.headers.get("Link", "")) == (cursor is not None)
    assert [each["explanation"] for each in pages] == ["Names me 0", "Names me 1", "Names me 2"]
    assert "Taro" not in str(pages) and "notifiers.example" not in str(pages)
    for wrong in ("x", "Z.1", f"{pages[0]['due_at']}.1", "2026-11-29T00:00:00Z.x", "9" * 59):
        assert list(helper.get("/notices", after=wrong).json["errors"]) == ["after"], wrong

    path = f"/notices/{pages[0]['id']}"
    case = program.get(path).json
    assert (case["notice"], case["comment"]["body"]) == (pages[0], held[0])
    assert [(each["kind"], each["actor"]) for each in case["events"]] == [("opened", "notifier")]
    ruling = {"outcome": "removed", "facts": "It names a private person.", "ground": "law", "provision": "709",
              "seen": case["notice"]["version"], "comment_seen": case["comment"]["version"]}  # fmt: skip
    for given, field in (
        ({"ground": ""}, "ground"), ({"ground": "x"}, "ground"), ({"provision": ""}, "provision"),
        ({"facts": " "}, "facts"), ({"facts": "x" * 3001}, "facts"), ({"outcome": "x"}, "outcome"),
    ):  # fmt: skip
        answer = program.post(f"{path}/close", ruling | given)
        assert (answer.status_code, list(answer.json["errors"])) == (422, [field]), given
    for given, code in (({"seen": 0}, "case_changed"), ({"comment_seen": 0}, "already_decided")):
        answer = program.post(f"{path}/close", ruling | given)
        assert (answer.status_code, answer.json["code"], answer.json["current"]) == (409, code, case)
    assert the_comment(db_session, held[0]).status == Status.APPROVED

    closed = program.post(f"{path}/close", ruling)
    assert (closed.status_code, closed.json["notice"]["outcome"]) == (200, "removed")
    assert closed.json["comment"]["status"] == "rejected" and closed.json["events"][-1]["moderator"] == "CMS"
    assert closed.json["notice"]["decision"] == closed.json["comment"]["decision"]["id"]
    # The answer got lost; another program, or another outcome, is too late.
    assert program.post(f"{path}/close", ruling).json == closed.json
    for who, given in ((helper, {}), (program, {"outcome": "kept"}), (program, {"seen": 2})):
        assert who.post(f"{path}/close", ruling | given).json["code"] == "closed"
    second = f"/notices/{pages[1]['id']}"
    kept = {
        "outcome": "kept",
        "facts": "True.",
        "seen": 1,
        "comment_seen": helper.get(second).json["comment"]["version"],
    }
    assert helper.post(f"{second}/close", kept).json["comment"]["status"] == "approved"
    assert [each["id"] for each in program.get("/notices").json["notices"]] == [pages[2]["id"]]
    assert [each["outcome"] for each in program.get("/notices", state="closed").json["notices"]] == ["removed", "kept"]

    other = a_site(db_session, "other")
    reader = Program(app.test_client(), a_token(db_session, paper, Role.MODERATOR, Scope.READ, name="Reader"))
    assert reader.get(path).status_code == 200 and reader.post(f"{path}/close", ruling).status_code == 403
    stranger = Program(app.test_client(), a_token(db_session, other))
    assert stranger.get(path).status_code == stranger.post(f"{path}/close", ruling).status_code == 404
    assert stranger.get("/notices").json == {"notices": [], "next": None}
