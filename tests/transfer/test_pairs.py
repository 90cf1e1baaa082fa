"""Every reader refuses the file of every other program, and names the command that reads it."""

import json
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.transfer.detect import READERS, detect
from app.transfer.record import CommentRecord, Trouble, UnreadableFile
from tests.cast import a_site
from tests.transfer.exports import FIXTURES
from tests.transfer.test_more_formats import CUSDIS, members_of, zipped
from tests.transfer.test_other_formats import isso_database

RSS = (
    '<?xml version="1.0"?><rss version="2.0"><channel><title>Blog</title><item><title>A</title>'
    "<link>https://example.com/a/</link><author>alice@example.com</author><comments>1</comments></item></channel></rss>"
)
ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><title>Blog</title><entry><id>tag:example.com,2020:1</id>'
    "<title>A</title><author><name>Alice</name></author><content>Hi</content></entry></feed>"
)
# Files of no program that is read here: words of the refusal.
FOREIGN = {
    "empty": ("", "an empty file"),
    "web page": ("<!doctype html><title>Log in</title>", "a web page"),
    "RSS feed": (RSS, "an RSS feed"),
    "Atom feed": (ATOM, "an Atom feed"),
    "one comment of HashOver": ("<comment><body>Hi</body><date>2015-02-03T12:04:05Z</date></comment>", "<comment>"),
    "HyperComments": (
        "<hc><post><title>A</title><comment><id>1</id></comment></post></hc>",
        "<hc>",
    ),
    "empty list": ("[]", "JSON of an unknown program"),
    "list of numbers": ("[1, 2]", "JSON of an unknown program"),
    "other JSON": (json.dumps({"comments": [{"id": 1, "text": "Hi"}], "posts": []}), 'begins with "comments"'),
    "table": ("id,author,body\r\n1,Alice,Hi\r\n", "a table"),
    "MySQL": ("-- MySQL dump 10.13\nINSERT INTO `wp_comments` VALUES (1);\n", "MySQL"),
    "text": ("Dear readers,\nhello.\n", "text of an unknown kind"),
    "noise": ("\0\1\2\3", "a binary file"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Path]]:
    """The program and the path of each file, by a name."""
    root = tmp_path_factory.mktemp("files")
    found = {path.name: (path.name.partition(".")[0], path) for path in FIXTURES.iterdir()}
    found["isso"] = "isso", isso_database(root / "isso.db")
    database = sqlite3.connect(root / "cusdis.db")
    database.executescript(CUSDIS)
    database.close()
    found["cusdis.db"] = "cusdis", root / "cusdis.db"
    for name in ("hashover", "staticman"):
        found[f"{name}.zip"] = name, zipped(root / f"{name}.zip", members_of(FIXTURES / name))
    found["coral.zip"] = "coral", zipped(root / "coral.zip", {"dump/all.json": (FIXTURES / "coral.json").read_bytes()})
    for name in ("wordpress.xml", "blogger.atom", "github.json", "cusdis.sql"):
        members = {"readme.json": b"{}", f"takeout/{name}": (FIXTURES / name).read_bytes(), "settings.csv": b"a,b\r\n"}
        found[f"{name}.zip"] = name.partition(".")[0], zipped(root / f"{name}.zip", members)
    archive = root / "archive.jsonl"
    archive.write_text('{"format":"kaiwa","version":1,"tables":{}}\n')
    found["archive"] = "kaiwa", archive
    for name, (text, _words) in FOREIGN.items():
        (root / name).write_text(text)
        found[name] = "", root / name
    return found


@pytest.mark.parametrize("form", sorted(READERS))
def test_a_reader_refuses_every_file_of_another_program(form: str, files: dict[str, tuple[str, Path]]) -> None:
    read = []
    for name, (program, path) in files.items():
        if program == form:
            read += [each for each in READERS[form](path) if isinstance(each, CommentRecord)]
            continue
        with pytest.raises(UnreadableFile) as refused:
            found = [each for each in READERS[form](path) if isinstance(each, CommentRecord)]
            assert not found, name
            pytest.fail(f"{form} takes {name}")
        assert refused.value.trouble is Trouble.WRONG_FORMAT, name
    assert read


REPEATED = (
    " ",
    "a",
    "<",
    "<rss",
    "<a:",
    '"',
    '"version":',
    '"version" ',
    '"users":',
    "{",
    "[",
    "{ ",
    '"comments":[',
    "COPY a",
    "<!--",
    "\n",
)


@pytest.mark.parametrize("start", ["", "{", "[", '{"version":1,', "<", "--\n"])
def test_no_beginning_takes_long_to_detect(start: str, tmp_path: Path) -> None:
    """A second is generous: a beginning has 256 KiB, and a pattern that is not linear takes minutes."""
    for number, repeated in enumerate(REPEATED):
        path = tmp_path / str(number)
        path.write_text(start + repeated * ((1 << 18) // len(repeated)))
        begun = time.process_time()
        with suppress(UnreadableFile):
            detect(path)
        assert time.process_time() - begun < 5, repeated


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_refusal_names_the_command_or_what_the_file_looks_like(
    app: Flask, db_session: Session, files: dict[str, tuple[str, Path]]
) -> None:
    a_site(db_session, "paper")
    for name, (program, path) in files.items():
        said = f"flask import {program} " if program else FOREIGN[name][1]
        for form in {"disqus", "coral", "kaiwa"} - {program}:
            done = app.test_cli_runner().invoke(args=["import", form, str(path), "--site", "paper"])
            assert done.exit_code == 1 and said in done.output, f"{form} {name}: {done.output}"
        if not program:
            with pytest.raises(UnreadableFile):
                list(READERS[detect(path)](path))
