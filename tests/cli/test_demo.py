"""The demo keeps its comments when its port changes."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.cli import demo
from app.models import Comment, Thread
from demo import articles

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PATH = next(iter(articles.by_path()))


def test_a_big_site_is_seeded_once(app: Flask, db_session: Session) -> None:
    def seed(comments: int) -> int:
        words = ["demo", "seed", "--origin", "http://127.0.0.1:8001", "--comments", str(comments)]
        done = app.test_cli_runner().invoke(args=words)
        assert done.exit_code == 0, done.output
        db_session.expire_all()
        return db_session.scalar(select(func.count()).select_from(Comment).where(Comment.source == "demo")) or 0

    assert seed(150) == 150
    assert seed(150) == 150
    assert seed(210) == 210
    statuses = db_session.execute(select(Comment.status, func.count()).group_by(Comment.status)).all()
    assert {"approved", "pending", "spam"} <= {status for status, _count in statuses}
    assert db_session.scalar(select(func.max(Comment.depth)).where(Comment.source == "demo"))


def test_articles_on_another_port_show_the_same_comments(app: Flask, db_session: Session) -> None:
    def seed(port: int) -> None:
        done = app.test_cli_runner().invoke(args=["demo", "seed", "--origin", f"http://127.0.0.1:{port}"])
        assert done.exit_code == 0, done.output

    def shown(origin: str) -> str:
        return app.test_client().get("/embed/thread", query_string={"site": "demo", "url": origin + PATH}).text

    seed(8001)
    with_port = shown("http://127.0.0.1:8001")
    count = db_session.scalar(select(func.count()).select_from(Comment))
    threads = db_session.scalar(select(func.count()).select_from(Thread))
    assert with_port.count("<article") > 1
    seed(9001)
    db_session.expire_all()
    assert shown("http://127.0.0.1:9001").count("<article") == with_port.count("<article")
    assert db_session.scalar(select(func.count()).select_from(Comment)) == count, "none lost, none doubled"
    assert db_session.scalar(select(func.count()).select_from(Thread)) == threads
    seed(8001)
    assert shown("http://127.0.0.1:8001").count("<article") == with_port.count("<article"), "and back again"


def test_two_seeds_at_once_keep_one_password(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app.instance_path = str(tmp_path)

    def other_seed_is_first(_length: int) -> str:
        (tmp_path / demo.PASSWORD_FILE).write_text("the first one")
        return "the second one"

    monkeypatch.setattr(demo.secrets, "token_urlsafe", other_seed_is_first)
    done = app.test_cli_runner().invoke(args=["demo", "seed"])
    assert done.exit_code == 0 and "with the first one" in done.output
