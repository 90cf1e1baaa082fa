"""A database stores fingerprints of its keys: with other keys nothing starts, and the error says how to fix it."""

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from app.extensions import db
from app.lib.secrets import print_of
from app.models import Author, KeyPrint, Site, keyring
from tests import sample_installation
from tests.cast import Reader
from tests.comments.test_rotation import HANAKO, A, B, C, inhabited, under

__all__ = ["inhabited"]

COMMANDS = (["site", "list"], ["serve"], ["worker", "--once"], ["person", "export", HANAKO], ["upkeep", "rotate-key"])


def prints() -> int:
    db.session.rollback()
    return db.session.query(KeyPrint).count()


@pytest.mark.parametrize("version", ["today", "earlier"])
def test_with_another_key_nothing_starts_and_nothing_is_taken(inhabited: dict[str, str], version: str) -> None:
    if version == "earlier":
        with under(inhabited, A):
            sample_installation.as_earlier_versions_wrote(db.session())
    with under(inhabited, B) as app:
        client, before = app.test_client(), db.session.query(Author).count()
        db.session.rollback()
        assert Reader(client).post("Under the wrong key.").status_code == 503
        assert client.get("/moderate/").status_code == client.get("/embed/thread?site=paper").status_code == 503
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json["ready"], ready.json["keys"]) == (503, False, "another SECRET_KEY")
        assert client.get("/healthz").status_code == 200
        for command in COMMANDS:
            refused = app.test_cli_runner().invoke(args=command)
            assert refused.exit_code == 1 and "SECRET_KEY_FALLBACKS" in refused.output, command
        found = json.loads(app.test_cli_runner().invoke(args=["check", "--json"]).output)["findings"]
        assert "keys" in {each["code"] for each in found}
        assert (db.session.query(Author).count(), prints()) == (before, 0 if version == "earlier" else 1)
    with under(inhabited, A) as app:
        assert app.test_client().get("/embed/thread?site=paper&url=https://paper.example/story").status_code == 200
        assert app.test_client().get("/readyz").json["keys"] == "ok"
        assert prints() == 1


def test_every_key_in_use_must_be_given(inhabited: dict[str, str]) -> None:
    def answers(*keys: str) -> bool:
        with under(inhabited, *keys) as app:
            return app.test_cli_runner().invoke(args=["site", "list"]).exit_code == 0

    assert answers(B, A) and answers(A, B) and answers(C, A, B)
    assert not any(map(answers, (A, B, C)))
    assert not answers(C, B) and not answers(B, A)
    assert answers(A, C, B)


def test_the_fingerprint_tells_nothing_and_differs_from_database_to_database(inhabited: dict[str, str]) -> None:
    with under(inhabited, A):
        keyring.admit()
        (row,) = db.session.query(KeyPrint)
        digest = row.digest
        assert digest == print_of(A, bytes.fromhex(row.salt)) and A not in digest + row.salt
        db.session.rollback()
        keyring.accept()
        assert db.session.query(KeyPrint.digest).scalar() != digest


def test_a_lost_key_can_be_given_up(inhabited: dict[str, str]) -> None:
    with under(inhabited, B) as app:
        assert app.test_cli_runner().invoke(args=["upkeep", "accept-key"], input="n\n").exit_code == 1
        assert app.test_cli_runner().invoke(args=["site", "list"]).exit_code == 1
        assert app.test_cli_runner().invoke(args=["upkeep", "accept-key", "--yes"]).exit_code == 0
        assert app.test_cli_runner().invoke(args=["site", "list"]).exit_code == 0
        assert str(db.session.query(Site).one().akismet_key) in ("(unreadable)", "（読めません）")


def test_one_comment_under_a_wrong_key_does_not_make_it_the_right_one(inhabited: dict[str, str]) -> None:
    with under(inhabited, B) as app:
        # As stored by versions without fingerprints.
        app.extensions["keys admitted"] = (B,)
        Reader(app.test_client()).post("Under the wrong key.")
        db.session.execute(text("DELETE FROM key_print"))
        db.session.commit()
    for key, code in ((B, 1), (A, 0)):
        with under(inhabited, key) as app:
            assert app.test_cli_runner().invoke(args=["site", "list"]).exit_code == code


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_file_with_the_right_key_is_named(inhabited: dict[str, str], tmp_path: Path) -> None:
    with under(inhabited, A):
        keyring.admit()
    with under(inhabited, B):
        assert "instance folder" in keyring.trouble()
        file = tmp_path / "secret_key"
        file.write_text(f"{A}\n")
        assert f"The key is in {file}" in keyring.trouble()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("version", ["today", "earlier"])
def test_a_backup_of_another_key_is_refused(inhabited: dict[str, str], tmp_path: Path, version: str) -> None:
    file = tmp_path / "backup.sqlite3"
    with under(inhabited, A) as app:
        if version == "earlier":
            sample_installation.as_earlier_versions_wrote(db.session())
        assert app.test_cli_runner().invoke(args=["upkeep", "backup", str(file)]).exit_code == 0
        assert app.test_cli_runner().invoke(args=["upkeep", "restore-check", str(file)]).exit_code == 0
    with under(inhabited, B) as app:
        refused = app.test_cli_runner().invoke(args=["upkeep", "restore-check", str(file)])
        assert refused.exit_code == 1 and "SECRET_KEY" in refused.output
        # The service's database does not matter: a backup always works.
        shutil.move(file, tmp_path / "moved.sqlite3")
        taken = app.test_cli_runner().invoke(args=["upkeep", "backup", str(file)])
        assert "damaged" not in taken.output
