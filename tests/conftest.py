"""Fixtures: both databases, real servers, a real browser, and Kaiwa as processes.

`app`, `client` and `db_session` run each test twice, on SQLite and on PostgreSQL. A test whose subject has
nothing to do with the database opts out:

    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""

import contextvars
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from jinja2.bccache import Bucket, BytecodeCache
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import Connection, Engine, event
from sqlalchemy.orm import Session
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app import create_app
from app.extensions import db
from app.lib import passwords
from app.models import Moderator, Site, keyring
from tests import one_database
from tests.akismet_server import Akismet, running_akismet
from tests.cast import a_moderator, a_site
from tests.services import (
    ROOT,
    Fresh,
    Live,
    MailServer,
    Postgres,
    running_kaiwa,
    running_postgres,
    running_smtp,
    seed_demo,
)

SECRET_KEY = "k" * 64
_names = count(1)
# Milliseconds that a page on a busy machine may take for anything that a test expects.
PAGE_PATIENCE = 60_000
# The slowest files start first, so that none of them is left alone at the end of a parallel run.
LONGEST = {
    "durability",
    "transfer",
    "flows",
    "test_serve",
    "test_page_cache",
    "test_texts",
    "test_rotation",
    "test_hostile_imports",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    one_database.leave_out(config, items)
    items.sort(key=lambda item: LONGEST.isdisjoint({item.path.parent.name, item.path.stem}))


def pytest_collection_finish() -> None:
    """Thousands of collected tests are no garbage: looking through them again and again took a sixth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 50)


# Work shared by all applications of a process: compiled templates, statements and routes, and a cheap password hash


class _Bytecode(BytecodeCache):
    """Compiled templates by name and source, for all applications of this process."""

    def __init__(self) -> None:
        self.compiled: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self.compiled.get((bucket.key, bucket.checksum)):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.compiled[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


class _Statements(LRUCache[Any, Any]):
    """Compiled statements by the name of the dialect, where SQLAlchemy has a cache for each engine."""

    @staticmethod
    def _shared(key: Any) -> Any:
        dialect, *rest = key
        return dialect.name, *rest

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(self._shared(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(self._shared(key), compiled)


def _share_statements(statements: _Statements) -> Callable[[Connection], None]:
    def use(connection: Connection) -> None:
        connection.execution_options(compiled_cache=statements)

    return use


def _share_routes(patch: pytest.MonkeyPatch) -> None:
    """Werkzeug parses each route of each application, and compiles Python functions for it."""
    compile_rule, known = Rule.compile, {}

    def compile_once(rule: Rule) -> None:
        key = (rule.rule, rule.subdomain, rule.host, rule.merge_slashes, repr(rule.defaults))
        if key not in known:
            compile_rule(rule)
            builders = rule._build.__func__, rule._build_unknown.__func__
            known[key] = rule._parts, rule._trace, rule._converters, set(rule.arguments), builders
            return
        rule._parts, rule._trace, rule._converters, arguments, (build, build_unknown) = known[key]
        rule.arguments.update(arguments)
        rule._build, rule._build_unknown = build.__get__(rule), build_unknown.__get__(rule)

    patch.setattr(Rule, "compile", compile_once)


@pytest.fixture(scope="session", autouse=True)
def _quick() -> Iterator[None]:
    use = _share_statements(_Statements(2_000))
    event.listen(Engine, "engine_connect", use)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Flask.jinja_options, "bytecode_cache", _Bytecode())
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=32))
        _share_routes(patch)
        yield
    event.remove(Engine, "engine_connect", use)


# Databases: migrated once, copied for each test


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server, for tests that create their own databases."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated_postgres(postgres: Postgres) -> str:
    _migrate(postgres.create("kaiwa_migrated"))
    return "kaiwa_migrated"


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("migrated") / "kaiwa.sqlite3"
    _migrate(f"sqlite:///{file}")
    return file


def _migrate(url: str) -> None:
    app = create_app({"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY})
    with app.app_context():
        upgrade()
        # Once here instead of in each test, because without a fingerprint all encrypted columns are read.
        keyring.admit()
        db.engine.dispose()


@pytest.fixture(scope="session")
def _used_postgres() -> dict[str, Fresh]:
    """Databases that are as before their first test again, by name."""
    return {}


@pytest.fixture
def postgres_url(postgres: Postgres, _migrated_postgres: str, _used_postgres: dict[str, Fresh]) -> Iterator[str]:
    """The URL of a PostgreSQL database with all tables and no rows.

    To make one takes longer than most tests, so the next test gets it restored and under another name, unless its
    tables have changed.
    """
    name = f"kaiwa_{next(_names)}"
    if _used_postgres:
        earlier, fresh = _used_postgres.popitem()
        postgres.rename(earlier, name)
    else:
        postgres.create(name, template=_migrated_postgres)
        fresh = postgres.state(name)
    yield postgres.url(name)
    if postgres.restore(name, fresh):
        _used_postgres[name] = fresh
    else:
        postgres.drop(name)


@pytest.fixture(scope="session")
def new_sqlite(_migrated_sqlite: Path) -> Callable[[Path], str]:
    """Make a SQLite database with all tables and no rows in a folder; return its URL."""
    return lambda folder: f"sqlite:///{shutil.copy(_migrated_sqlite, folder / 'kaiwa.sqlite3')}"


@pytest.fixture
def sqlite_url(new_sqlite: Callable[[Path], str], tmp_path: Path) -> str:
    return new_sqlite(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]))


# Kaiwa inside the test's process


@pytest.fixture
def settings(database_url: str, smtp: MailServer, tmp_path: Path) -> dict[str, str]:
    """Settings by their names in config.py. A module may override the fixture, based on these."""
    return {
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "PUBLIC_URL": "http://localhost",
        "MAIL_URL": smtp.url,
        "TRANSFER_FOLDER": str(tmp_path / "transfers"),
    }


@pytest.fixture
def app(settings: dict[str, str]) -> Iterator[Flask]:
    app = create_app(settings)
    app.test_client_class = Visitor
    with app.app_context():
        if settings["SECRET_KEY"] != SECRET_KEY:
            keyring.accept()
        keyring.admit()
    yield app
    with app.app_context():
        db.engine.dispose()


class Visitor(FlaskClient):
    """A test client with its own cookies."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        # In an empty context: a request must not see the test's own g, locale or session.
        return contextvars.Context().run(super().open, *args, **kwargs)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def db_session(app: Flask) -> Iterator[Session]:
    """The test's own session, separate from the requests' sessions: commit before and after a request.

    Objects do not expire on commit, so that reading an attribute does not take SQLite's lock again.
    """
    with app.app_context():
        session = db.session()
        session.expire_on_commit = False
        yield session
        db.session.remove()


@pytest.fixture
def paper(db_session: Session) -> Site:
    """The site of most tests; a folder or module may define its own."""
    return a_site(db_session)


@pytest.fixture
def alice(db_session: Session, paper: Site) -> Moderator:
    return a_moderator(db_session, paper)


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Write an export to a file whose name does not reveal the format."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "export"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


# External servers


@pytest.fixture(scope="session")
def _akismet() -> Iterator[Akismet]:
    with running_akismet() as server:
        yield server


@pytest.fixture
def akismet(_akismet: Akismet) -> Akismet:
    """A server with Akismet's protocol, without earlier requests."""
    _akismet.asked.clear()
    _akismet.plans.clear()
    _akismet.always = ""
    return _akismet


@pytest.fixture(scope="session")
def _smtp() -> Iterator[MailServer]:
    with running_smtp() as box:
        yield box


@pytest.fixture
def smtp(_smtp: MailServer) -> MailServer:
    """A mail server with an empty inbox."""
    _smtp.empty()
    return _smtp


@pytest.fixture
def start_kaiwa(tmp_path: Path, new_sqlite: Callable[[Path], str]) -> Iterator[Callable[..., Live]]:
    """Start Kaiwa as processes, until the test ends: `start_kaiwa(database_url, UNDO_WINDOW="0")`."""
    with ExitStack() as stack:

        def start(database_url: str = "", *, demo: bool = False, workers: int = 1, **settings: str) -> Live:
            folder = tmp_path / f"kaiwa-{next(_names)}"
            folder.mkdir()
            given = settings | {"DATABASE_URL": database_url or new_sqlite(folder)}
            return stack.enter_context(running_kaiwa(folder, given, demo=demo, workers=workers, migrated=True))

        yield start


@pytest.fixture(scope="module")
def live_settings() -> dict[str, str]:
    """Settings of `live`, for a module that wants other ones."""
    return {}


@pytest.fixture(scope="session")
def _demo_sqlite(tmp_path_factory: pytest.TempPathFactory, new_sqlite: Callable[[Path], str]) -> Path:
    """A database with the demo site, whose origin each copy changes to its own."""
    folder = tmp_path_factory.mktemp("demo")
    seed_demo({"DATABASE_URL": new_sqlite(folder), "SECRET_KEY": SECRET_KEY})
    return folder / "kaiwa.sqlite3"


@pytest.fixture(scope="module")
def live(
    tmp_path_factory: pytest.TempPathFactory, _smtp: MailServer, _demo_sqlite: Path, live_settings: dict[str, str]
) -> Iterator[Live]:
    """Kaiwa with its demo site, worker and mail server, as `make run` starts it; one for each test file."""
    folder = tmp_path_factory.mktemp("live")
    url = f"sqlite:///{shutil.copy(_demo_sqlite, folder / 'kaiwa.sqlite3')}"
    given = {"MAIL_URL": _smtp.url, "DATABASE_URL": url} | live_settings
    with running_kaiwa(folder, given, demo=True, migrated=True) as kaiwa:
        yield kaiwa


# The browser


def _chromium() -> str:
    named = os.environ.get("KAIWA_CHROMIUM")
    known = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    found = named or next(filter(None, map(shutil.which, known)), None)
    if not found:
        pytest.fail("Chromium is missing: sudo apt install chromium-headless-shell (make test does it where it may)")
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Chromium's sandbox does not start as root, the user of most containers.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    expect.set_options(timeout=PAGE_PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page in a new browser context: `new_page(locale="ja", java_script_enabled=False)`.

    Arguments are those of Playwright's `new_context`. An uncaught script error fails the test.
    """
    with ExitStack() as stack:
        errors: list[str] = []

        def open_page(**options: Any) -> Page:
            context = browser.new_context(**options)
            context.set_default_timeout(PAGE_PATIENCE)
            stack.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(f"{page.url}: {error}"))
            return page

        yield open_page
    assert not errors, "scripts of the page failed:\n" + "\n".join(errors)


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page()


# Real input


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real comments, exports and attacks, which is not part of the project."""
    folder = Path(os.environ.get("KAIWA_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real input at {folder}; KAIWA_SHARED_DATA names another folder")
    return folder
