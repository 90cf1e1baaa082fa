"""The demo keeps its comments when its port changes."""

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Comment, Thread
from demo import articles

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PATH = next(iter(articles.by_path()))


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
