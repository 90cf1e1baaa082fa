"""A hostile import file is refused or its bad records are skipped, in bounded time and memory."""

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Comment, Site
from tests.cast import a_site
from tests.cli.test_imports import ORIGIN, bring, comments
from tests.services import ROOT
from tests.transfer.exports import HEAD, TAIL, comment, page, wxr
from tests.transfer.test_other_formats import INSERT, isso_database

MOST_MIB = 300
WORST = "\0\x01\ud800\ufffe\u202e\u200b" + "e" + "\u0301" * 2000 + "👩‍👩‍👧‍👧" * 300 + "'\"; DROP TABLE comment; --"


@pytest.fixture
def paper(db_session: Session) -> Site:
    return a_site(db_session, origins=[ORIGIN])


def is_accounted_for(report: dict[str, Any]) -> bool:
    return (
        report["read"]
        == report["imported"] + report["unchanged"] + report["skipped"]
        == (report["roots"] + report["replies"] + len(report["skips"]))
    )


def test_the_worst_of_every_field_comes_in_or_is_named(
    app: Flask, db_session: Session, paper: Site, tmp_path: Path
) -> None:
    rows = [
        {"id": "1", "time": "0001-01-01T00:00:00Z", "text": WORST, "user": {"name": WORST, "ip": "fe80::1%eth0"}},
        {"id": "2", "time": "9999-12-31T23:59:59Z", "text": "<b>" * 5000, "user": {"name": " "}},
        {"id": "x" * 1999, "pid": "y" * 1999, "time": "nonsense", "text": "", "user": {"name": "\u202e"}},
        {"id": "x" * 1999 + "z", "pid": "x" * 1999, "time": "2020-01-01T00:00:00Z", "text": "a" * 1_000_000},
        {"id": "\0 4", "text": "no page", "locator": {"url": ""}},
        {"id": "5", "text": "a long page", "locator": {"url": f"{ORIGIN}/" + "あ" * 1900}, "title": WORST},
        {"id": "6", "text": "no page of the web", "locator": {"url": "http://[::1"}},
        {"id": ["list"], "text": {"a": 1}, "user": [], "locator": {"url": f"{ORIGIN}/2"}},
        {"id": "-9223372036854775809", "text": "n", "locator": {"url": f"{ORIGIN}/2"}, "time": "2020-02-30T00:00:00"},
    ]
    base = {"locator": {"site": "s", "url": f"{ORIGIN}/1"}}
    lines = ['{"version":1,"users":[],"posts":[]}', *(json.dumps(base | row) for row in rows)]
    file = tmp_path / "backup"
    file.write_text("\n".join(lines) + "\n")
    report = bring(app, file)
    assert (report["read"], report["imported"], report["skipped"]) == (9, 8, 1)
    assert is_accounted_for(report)
    assert report["replies"] == 1
    assert bring(app, file)["unchanged"] == 8
    for found in comments(db_session).values():
        assert "\0" not in found.name + found.body + found.html and len(found.name) <= 400


def test_a_column_of_isso_may_hold_anything(app: Flask, db_session: Session, paper: Site, tmp_path: Path) -> None:
    rows = (
        "(1, 2, NULL, 'soon', 1, x'00ff'), (1, 3, 2, 1e308, 'x', CAST(x'00c3' AS TEXT)), (1, 4, -1, -1e18, 2, NULL)",
        "(7, 5, 5, 0, 1, 'no such page'), (NULL, 6, 'x', 0, 1, 'none at all'), (1, 7, NULL, NULL, NULL, 3.5)",
    )
    loose = (
        "DROP TABLE comments",
        (
            "CREATE TABLE comments (tid, id INTEGER PRIMARY KEY, parent, created, modified, mode, remote_addr, text,"
            " author, email, website, likes, dislikes, voters)"
        ),
    )
    report = bring(app, isso_database(tmp_path / "db", *loose, *(INSERT + row for row in rows)))
    assert report["read"] == 6 and report["skips"] == [{"id": "6", "reason": report["skips"][0]["reason"]}]
    assert is_accounted_for(report)


@pytest.mark.parametrize("seed", range(3))
def test_a_spoiled_export_is_accounted_for_byte_by_byte(
    app: Flask, db_session: Session, paper: Site, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    text = wxr(
        *(page(*(comment(10 * p + n, parent=str(dice.randrange(40))) for n in range(8)), number=p) for p in (1, 2))
    )
    spoiled = bytearray(text.encode())
    for _ in range(dice.randrange(1, 60)):
        spoiled[dice.randrange(len(spoiled))] = dice.choice(
            [0, 0x1B, 0x80, 0xFF, ord("<"), ord("&"), dice.randrange(256)]
        )
    file = tmp_path / "spoiled"
    file.write_bytes(bytes(spoiled[: dice.choice([len(spoiled), dice.randrange(len(spoiled))])]))
    done = app.test_cli_runner().invoke(args=["import", "wordpress", str(file), "--site", "paper", "--json"])
    assert done.exit_code in (0, 1) and not isinstance(done.exception, Exception), done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert is_accounted_for(report) and (report["trouble"] is None) == (done.exit_code == 0)
    assert db_session.scalar(select(func.count()).select_from(Comment)) == report["imported"]


# In a separate process, to measure memory and time and to forbid network connections


# The process reads its own peak: a parent's figure for a child starts at the parent's memory.
WATCHED = """
import atexit, os, re, socket, time
def no(*a, **k): raise SystemExit(9)
socket.socket.connect = no
def tell():
    peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
    open(os.environ["KAIWA_USED"], "w").write(f"{time.process_time()} {peak}")
atexit.register(tell)
"""


def bring_apart(tmp_path: Path, sqlite_url: str, file: Path, code: int = 0) -> tuple[dict[str, Any], float, float]:
    """Return the report, CPU seconds and peak memory in MiB. Opening a network connection raises."""
    (tmp_path / "sitecustomize.py").write_text(WATCHED)
    environment = os.environ | {
        "DATABASE_URL": sqlite_url,
        "SECRET_KEY": "k" * 64,
        "FLASK_APP": "app",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "KAIWA_USED": str(tmp_path / "used"),
    }
    command = [sys.executable, "-m", "flask", "import", str(file), "--site", "paper", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert done.returncode == code, done.stdout
    seconds, kib = (tmp_path / "used").read_text().split()
    return json.loads(done.stdout.splitlines()[-1]), float(seconds), int(kib) / 1024


@pytest.fixture
def apart(sqlite_url: str, app: Flask, paper: Site, db_session: Session) -> str:
    return sqlite_url


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/evil.dtd">',
    ],
)
def test_no_entity_is_opened(tmp_path: Path, apart: str, declaration: str) -> None:
    file = tmp_path / "export"
    file.write_text(wxr(page(comment(1, "&a;&b;"))).replace("<rss", declaration + "<rss"))
    report, seconds, _mib = bring_apart(tmp_path, apart, file, code=1)
    assert (report["read"], report["imported"]) == (0, 0)
    assert "document type" in report["trouble"] and seconds < 10


@pytest.mark.torture
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_bomb_and_a_comment_of_100_megabytes_cost_little_and_the_rest_goes_in(tmp_path: Path, apart: str) -> None:
    before, after = wxr(page(comment(1), comment(2, "<![CDATA[HERE]]>"), comment(3))).split("HERE")
    file = tmp_path / "export"
    with file.open("w") as out:
        out.writelines([before, *("面白い " * 1000 for _ in range(10_000)), after])
    report, seconds, mib = bring_apart(tmp_path, apart, file)
    assert (report["imported"], [skip["id"] for skip in report["skips"]]) == (2, ["2"])
    assert mib < MOST_MIB and seconds < 20

    with gzip.open(file, "wb") as packed:
        packed.write((HEAD + page(comment(11), comment(12))).encode())
        for _ in range(300):
            packed.write(b" " * (1 << 20))
        packed.write(TAIL.encode())
    report, seconds, mib = bring_apart(tmp_path, apart, file, code=1)
    assert report["imported"] == 2 and "suspiciously large" in report["trouble"]
    assert mib < MOST_MIB and seconds < 20
