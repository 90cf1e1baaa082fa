"""A page moves to another URL with its comments; the old URL still finds them."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Comment, Site, Status, Thread, ThreadAlias
from tests.cast import ORIGIN, Reader, a_site, move, the_comment


def at(client: FlaskClient, path: str) -> Reader:
    return Reader(client, url=ORIGIN + path)


def run(app: Flask, *words: str, code: int = 0) -> Any:
    done = app.test_cli_runner().invoke(args=["thread", *words, "--site", "paper", "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout.splitlines()[-1])


def outcomes(answer: dict[str, Any]) -> list[tuple[str, int]]:
    return [(each["outcome"], each["comments"]) for each in answer["moves"]]


def count_at(client: FlaskClient, path: str) -> int:
    answer = client.get("/embed/counts", query_string={"site": "paper", "url": ORIGIN + path})
    return answer.json["counts"][ORIGIN + path]


def remap(app: Flask, tmp_path: Path, *pairs: tuple[str, str], options: tuple[str, ...] = (), code: int = 0) -> Any:
    file = tmp_path / "moves.csv"
    file.write_text("old,new\n" + "".join(f"{old},{new}\n" for old, new in pairs))
    return run(app, "remap", str(file), *options, code=code)


def everything(db_session: Session) -> list[Any]:
    db_session.expire_all()
    found = [db_session.execute(select(each.__table__)).fetchall() for each in (Thread, ThreadAlias, Comment)]
    db_session.commit()
    return found


def test_a_page_that_moved_has_its_comments_at_both_addresses(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    at(client, "/old").post("hello")
    assert outcomes(run(app, "move", "/old", "/new")) == [("moved", 1)]
    for path in ("/old", "/new", "/old/?utm_source=x"):
        assert "hello" in at(client, path).get_thread().text
        assert count_at(client, path) == 1
    # A comment posted under the old URL joins the same page.
    at(client, "/old").post("me too")
    assert db_session.query(Thread).count() == 1
    assert count_at(client, "/new") == 2
    (listed,) = run(app, "list")
    assert (listed["key"], listed["url"], listed["earlier"]) == (f"{ORIGIN}/new", f"{ORIGIN}/new", [f"{ORIGIN}/old"])
    assert (listed["comments"], listed["approved"]) == (2, 2)


def test_a_moved_page_has_another_etag(app: Flask, client: FlaskClient, paper: Site) -> None:
    at(client, "/old").post("hello")
    before = at(client, "/new").get_thread().headers["ETag"]
    run(app, "move", "/old", "/new")
    assert at(client, "/new").get_thread().headers["ETag"] != before


def test_a_page_moves_on_and_back(app: Flask, client: FlaskClient, db_session: Session, paper: Site) -> None:
    at(client, "/a").post("hello")
    run(app, "move", "/a", "/b")
    run(app, "move", "/b", "/c")
    run(app, "move", "/a", "/a")
    assert db_session.query(Thread).one().key == f"{ORIGIN}/a"
    assert [count_at(client, path) for path in ("/a", "/b", "/c")] == [1, 1, 1]


def test_a_page_with_comments_is_not_moved_over_but_merged(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    at(client, "/old").post("first")
    at(client, "/new").post("second")
    at(client, "/old").post("answer", parent=the_comment(db_session, "first").id)
    at(client, "/old").post("out of sight")
    move(db_session, the_comment(db_session, "out of sight"), Status.SPAM)
    before = everything(db_session)
    assert outcomes(run(app, "move", "/old", "/new", code=1)) == [("taken", 3)]
    assert everything(db_session) == before

    version = db_session.query(Thread).filter_by(key=f"{ORIGIN}/new").one().version
    db_session.commit()
    assert outcomes(run(app, "merge", "/old", "/new")) == [("merged", 3)]
    db_session.expire_all()
    thread = db_session.query(Thread).one()
    assert thread.approved_count == 3 and thread.version > version
    assert db_session.scalar(select(func.count()).select_from(Comment)) == 4
    db_session.commit()
    shown = at(client, "/old").get_thread().text
    assert shown.index("first") < shown.index("answer") < shown.index("second")
    assert "out of sight" not in shown
    assert count_at(client, "/old") == count_at(client, "/new") == 3


def test_redirects_to_a_merged_page_lead_on(app: Flask, client: FlaskClient, paper: Site) -> None:
    at(client, "/a").post("one")
    at(client, "/c").post("two")
    run(app, "move", "/a", "/b")
    run(app, "merge", "/b", "/c")
    assert [count_at(client, path) for path in ("/a", "/b", "/c")] == [2, 2, 2]


def test_pages_change_places(app: Flask, client: FlaskClient, tmp_path: Path, paper: Site) -> None:
    for name in "abc":
        at(client, f"/{name}").post(f"said on {name}")
    answer = remap(app, tmp_path, ("/a", "/b"), ("/b", "/c"), ("/c", "/a"))
    assert outcomes(answer) == [("moved", 1)] * 3 and answer["done"]
    for old, new in ("ab", "bc", "ca"):
        assert f"said on {old}" in at(client, f"/{new}").get_thread().text
        assert count_at(client, f"/{new}") == 1


def test_two_pages_become_one(app: Flask, client: FlaskClient, tmp_path: Path, paper: Site) -> None:
    for name in "ab":
        assert at(client, f"/{name}").post(f"said on {name}").status_code == 201
    assert outcomes(remap(app, tmp_path, ("/a", "/c"), ("/b", "/c"))) == [("moved", 1), ("merged", 1)]
    assert [count_at(client, f"/{name}") for name in "abc"] == [2, 2, 2]


def test_a_dry_run_tells_the_same_and_changes_nothing(
    app: Flask, client: FlaskClient, db_session: Session, tmp_path: Path, paper: Site
) -> None:
    for name in "ab":
        at(client, f"/{name}").post(f"said on {name}")
    before = everything(db_session)
    pairs = (("/a", "/b"), ("/b", "/c"), ("/nothing", "/d"), ("/d?utm_source=x", "/d"))
    dry = remap(app, tmp_path, *pairs, options=("--dry-run",))
    assert everything(db_session) == before
    wet = remap(app, tmp_path, *pairs)
    assert dry["moves"] == wet["moves"] and not dry["done"] and wet["done"]
    assert outcomes(wet) == [("moved", 1), ("moved", 1), ("missing", 0), ("missing", 0)]


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ("/a", "https://elsewhere.example/a", "no page of this site"),
        ("/a", "javascript:alert(1)", "no page of this site"),
        ("not an address", "/b", "wrong old address"),
    ],
)
def test_with_one_line_that_cannot_be_nothing_is_done(
    app: Flask, client: FlaskClient, db_session: Session, tmp_path: Path, paper: Site, old: str, new: str, outcome: str
) -> None:
    for name in "ax":
        at(client, f"/{name}").post(f"said on {name}")
    before = everything(db_session)
    answer = remap(app, tmp_path, ("/x", "/y"), (old, new), code=1)
    assert answer["moves"][1]["outcome"] == outcome and not answer["done"]
    assert everything(db_session) == before


def test_one_page_cannot_go_two_ways(app: Flask, client: FlaskClient, tmp_path: Path, paper: Site) -> None:
    at(client, "/a").post("hello")
    answer = remap(app, tmp_path, ("/a", "/b"), ("/a?utm_source=x", "/c"), code=1)
    assert answer["moves"][1]["outcome"] == "twice"


def test_a_page_gets_an_id_of_its_own(app: Flask, client: FlaskClient, paper: Site) -> None:
    at(client, "/a").post("hello")
    run(app, "move", "/a", "id:story-7")
    assert "hello" in at(client, "/anywhere").get_thread(thread="story-7").text
    assert "hello" in at(client, "/a").get_thread().text


def test_another_sites_pages_stay_where_they_are(
    app: Flask, client: FlaskClient, db_session: Session, tmp_path: Path, paper: Site
) -> None:
    a_site(db_session, "other")
    Reader(client, site="other", url=f"{ORIGIN}/a").post("theirs")
    assert outcomes(run(app, "move", "/a", "/b")) == [("missing", 0)]
    assert "theirs" in Reader(client, site="other", url=f"{ORIGIN}/a").get_thread().text


def test_a_file_that_is_no_table_is_refused(app: Flask, tmp_path: Path, paper: Site) -> None:
    file = tmp_path / "moves.csv"
    for content in (b"/a\n", b"\xff\xfe,\xff\n"):
        file.write_bytes(content)
        done = app.test_cli_runner().invoke(args=["thread", "remap", str(file), "--site", "paper"])
        assert done.exit_code == 1 and "FILE" in done.output


def test_a_person_reads_what_became_of_each(app: Flask, client: FlaskClient, paper: Site) -> None:
    at(client, "/a").post("hello")
    runner = app.test_cli_runner()
    dry = runner.invoke(args=["thread", "move", "/a", "/b", "--site", "paper", "--dry-run"]).output
    assert "moved" in dry and "Dry run" in dry
    assert "1 comments" in runner.invoke(args=["thread", "list", "--site", "paper", "--search", "/A"]).output
    assert runner.invoke(args=["thread", "list", "--site", "paper", "--search", "%"]).output == ""


def test_comments_move_to_the_id_that_pages_send_and_to_no_empty_one(
    app: Flask, client: FlaskClient, db_session: Session, paper: Site
) -> None:
    at(client, "/story").post("hello")
    for empty in ("id:", "id: ", "id:\u200b\u202e"):
        assert outcomes(run(app, "move", "/story", empty, code=1)) == [("no page of this site", 0)]
    assert outcomes(run(app, "move", "/story", "id: the\u200b  story")) == [("moved", 1)]
    assert "hello" in at(client, "/other").get_thread(thread=" the  story").text
    # An import may have written an id in another form.
    db_session.query(Thread).one().key = "id:a  b"
    db_session.commit()
    assert outcomes(run(app, "move", "id:a  b", "id:a  b")) == [("same", 0)]
    assert outcomes(run(app, "move", "id:a  b", "/story")) == [("moved", 1)]
