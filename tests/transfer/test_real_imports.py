"""Every real export is imported completely on both databases; a second import adds nothing."""

import json
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Comment, Thread
from app.transfer.detect import READERS, detect
from tests.cast import a_site
from tests.transfer.counting import count

OURS = {"unapproved": "pending", "trash": "rejected", "1": "approved"}


def bring(app: Flask, site: str, file: Path, *options: str) -> dict[str, Any]:
    done = app.test_cli_runner().invoke(args=["import", str(file), "--site", site, "--json", "--pingbacks", *options])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout.splitlines()[-1])


def test_every_real_export_comes_in_whole(app: Flask, db_session: Session, real_exports: Path) -> None:
    expected = json.loads((real_exports / "expected.json").read_text())
    for number, (name, told) in enumerate(expected.items()):
        if "comments" not in told:  # no other parser reads it: use our own count
            told = told | count(READERS["disqus"](real_exports / name))
        site = a_site(db_session, f"site-{number}", max_depth=10)
        dry = bring(app, site.key, real_exports / name, "--dry-run")
        report = bring(app, site.key, real_exports / name)
        assert report == dry | {"dry_run": False}, name
        assert report["format"] == detect(real_exports / name)
        _compare(report, told, name)
        _compare_tables(db_session, site.id, report, name)
        again = bring(app, site.key, real_exports / name)
        assert (again["imported"], again["unchanged"]) == (0, report["imported"]), name


def _compare(report: dict[str, Any], told: dict[str, Any], name: str) -> None:
    doubles = told["comments"] - told.get("distinct_ids", told["comments"])
    orphans = told.get("orphans", 0)
    assert report["read"] == told["comments"], name
    assert (report["imported"], report["skipped"]) == (told["comments"] - doubles, doubles), name
    assert report["replies"] == told["replies"] - orphans, name
    assert report["roots"] == report["imported"] - report["replies"], name
    assert report["threads"] == told.get("threads", report["threads"]), name
    assert report["max_depth"] == told.get("max_depth", report["max_depth"]), name
    status = {OURS.get(word, word): number for word, number in (told.get("status") or told.get("mode") or {}).items()}
    if status and not doubles:
        assert {word: number for word, number in report["by_status"].items() if number} == status, name


def _compare_tables(db_session: Session, site_id: int, report: dict[str, Any], name: str) -> None:
    mine = select(func.count()).select_from(Comment).where(Comment.site_id == site_id)
    stored = db_session.scalar(mine)
    replies = db_session.scalar(mine.where(Comment.parent_id.is_not(None)))
    deepest = db_session.scalar(select(func.max(Comment.depth)).where(Comment.site_id == site_id)) or 0
    approved = db_session.scalar(select(func.sum(Thread.approved_count)).where(Thread.site_id == site_id)) or 0
    db_session.commit()
    assert (stored, replies) == (report["imported"], report["replies"]), name
    public = report["by_status"]["approved"] - report["held"]
    assert (deepest, approved) == (report["max_depth"], public), name
