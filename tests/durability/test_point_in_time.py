"""A PostgreSQL server returns to a moment by its base backup and the archive of its log, as docs/backup.md says."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psycopg
import pytest
from flask_migrate import upgrade

from app import create_app
from app.extensions import db
from tests.cast import Reader, a_site
from tests.conftest import SECRET_KEY
from tests.services import ROOT, START_LIMIT, _initdb, _postgres_for_this_user, _stop, wait_until

pytestmark = pytest.mark.torture


def settings_of(heading: str) -> list[str]:
    """The blocks of settings in that section of the guide."""
    page = (ROOT / "docs/backup.md").read_text()
    section = page[page.index(heading) :]
    blocks = re.findall(r"```ini\n(.*?)```", section, re.DOTALL)
    return [re.sub(r"^ +", "", block, flags=re.MULTILINE) for block in blocks]


@contextmanager
def server(binaries: Path, data: Path, who: dict[str, Any]) -> Iterator[str]:
    with (data.parent / "log").open("ab") as log:
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(data.parent), "-c", "listen_addresses="]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=data.parent, **who)
        try:
            where = f"host={data.parent} user=postgres dbname=postgres"
            wait_until(lambda: answers(where), "PostgreSQL", data.parent / "log", process)
            yield where
        finally:
            _stop(process)


def answers(where: str) -> bool:
    try:
        with psycopg.connect(where) as connection:
            return connection.execute("SELECT NOT pg_is_in_recovery()").fetchone() == (True,)
    except psycopg.OperationalError:
        return False


def test_a_server_returns_to_the_moment_before_a_mistake() -> None:
    folder = Path(mkdtemp(prefix="kaiwa-pitr-"))
    try:
        binaries, who = _postgres_for_this_user(folder)
        data, base, archive = folder / "data", folder / "base", folder / "archive"
        _initdb(binaries, data, who)
        archive.mkdir()
        shutil.chown(archive, who.get("user"), who.get("group")) if who else None
        archiving, recovery = (block.replace("/archive/", f"{archive}/") for block in settings_of("## To any moment"))
        with (data / "postgresql.conf").open("a") as file:
            file.write(archiving)
        with server(binaries, data, who) as where:
            app = create_app(
                {
                    "DATABASE_URL": f"postgresql://postgres@/postgres?host={folder}",
                    "SECRET_KEY": SECRET_KEY,
                    "PUBLIC_URL": "http://localhost",
                }
            )
            with app.app_context():
                upgrade()
                a_site(db.session())
                hanako = Reader(app.test_client())
                hanako.post("before the base backup")
                subprocess.run(
                    [binaries / "pg_basebackup", f"--pgdata={base}", "--checkpoint=fast", "--wal-method=stream",
                     f"--host={folder}", "--username=postgres"],
                    check=True, cwd=folder, **who,
                )  # fmt: skip
                hanako.post("after the base backup")
                time.sleep(1)
                with psycopg.connect(where) as connection:
                    (moment,) = connection.execute("SELECT now()::text").fetchone() or ("",)
                time.sleep(1)
                hanako.post("after the moment")
                with psycopg.connect(where, autocommit=True) as connection:
                    connection.execute("DELETE FROM decision")
                    connection.execute("DELETE FROM comment")
                    segment = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
                until = time.monotonic() + START_LIMIT
                while not (archive / segment[0]).exists():
                    assert time.monotonic() < until
                    time.sleep(0.1)
                db.engine.dispose()
        shutil.rmtree(data)
        base.rename(data)
        with (data / "postgresql.conf").open("a") as file:
            file.write(re.sub(r"recovery_target_time = '.*'", f"recovery_target_time = '{moment}'", recovery))
        (data / "recovery.signal").touch()
        with server(binaries, data, who) as where, psycopg.connect(where) as connection:
            found = {body for (body,) in connection.execute("SELECT body FROM comment")}
        assert found == {"before the base backup", "after the base backup"}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
