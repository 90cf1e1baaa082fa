"""An invalid setting is refused at start, with its name and the fix."""

import stat
from pathlib import Path

import pytest
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import make_url

import config

NONSENSE = [
    ("PORT", "nonsense"),
    ("PORT", "0"),
    ("WORKERS", "-1"),
    ("DATABASE_URL", "mysql://localhost/x"),
    ("PUBLIC_URL", "comments.example"),
    ("MAIL_URL", "http://mail.example"),
    ("MAIL_URL", "smtp:mail.example"),
    ("MAIL_URL", "smtp://mail.example:port"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://:4318"),
    ("SENTRY_DSN", "https://sentry.example/1"),
    ("SENTRY_DSN", "https://key@sentry.example"),
    ("SENTRY_DSN", "https://key@/1"),
    ("METRICS_TOKEN", "gehé im"),
    ("BACKUP_COMMAND", "rclone 'copy"),
    ("TRUSTED_PROXIES", "everybody"),
    ("LOG_LEVEL", "LOUD"),
    ("SECRET_KEY", "short"),
]


@pytest.mark.parametrize(("name", "value"), NONSENSE)
def test_nonsense_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(config.BadSetting, match=name):
        config.load({name: value}, tmp_path)


def test_a_key_is_created_once_and_private(tmp_path: Path) -> None:
    first, second = (config.load({}, tmp_path)["SECRET_KEY"] for _ in range(2))
    assert first == second and len(first) == 64
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret_key"]


def test_postgresql_wants_a_key_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(config.BadSetting, match="openssl"):
        config.load({"DATABASE_URL": "postgresql://u:p@db.example/kaiwa"}, tmp_path)
    loaded = config.load({"DATABASE_URL": "postgres://u:p@db.example/kaiwa", "SECRET_KEY": "k" * 32}, tmp_path)
    assert loaded["DATABASE_URL"] == "postgresql+psycopg://u:p@db.example/kaiwa"


def test_cookies_are_bound_to_the_host_where_it_is_secure(tmp_path: Path) -> None:
    loaded = config.load({"PUBLIC_URL": "https://comments.example/"}, tmp_path)
    assert loaded["SESSION_COOKIE_NAME"] == "__Host-kaiwa" and loaded["SESSION_COOKIE_SECURE"]
    assert loaded["PUBLIC_URL"] == "https://comments.example"


@pytest.mark.parametrize(
    ("given", "hosts", "ports"),
    [
        ("postgresql://u:p%40@h1,h2/db?target_session_attrs=read-write", "h1,h2", "5432,5432"),
        ("postgres://u:p%40@h1:5433,h2/db?target_session_attrs=read-write", "h1,h2", "5433,5432"),
        ("postgresql+psycopg://u:p%40@[::1]:5433,h2:6432/db?target_session_attrs=read-write", "::1,h2", "5433,6432"),
    ],
)
def test_several_servers_are_named_as_libpq_names_them(given: str, hosts: str, ports: str, tmp_path: Path) -> None:
    url = make_url(config.load({"DATABASE_URL": given, "SECRET_KEY": "k" * 64}, tmp_path)["SQLALCHEMY_DATABASE_URI"])
    _, connect = PGDialect_psycopg().create_connect_args(url)
    assert (connect["host"], str(connect["port"])) == (hosts, ports)
    assert (connect["user"], connect["password"], connect["dbname"]) == ("u", "p@", "db")
    assert connect["target_session_attrs"] == "read-write"


@pytest.mark.parametrize("given", ["postgresql://h1,/db", "postgresql://h1:x,h2/db", "postgresql://[::1,h2/db"])
def test_servers_that_cannot_be_are_refused(given: str, tmp_path: Path) -> None:
    with pytest.raises(config.BadSetting, match="DATABASE_URL"):
        config.load({"DATABASE_URL": given, "SECRET_KEY": "k" * 64}, tmp_path)


def test_a_former_name_of_a_setting_still_counts_unless_the_new_one_is_set(tmp_path: Path) -> None:
    assert config.load({"EDGE_MB": "7"}, tmp_path)["PAGE_CACHE_MB"] == 7
    assert config.load({"EDGE_MB": "7", "PAGE_CACHE_MB": "8"}, tmp_path)["PAGE_CACHE_MB"] == 8


def test_the_instance_folder_is_the_named_one_or_beside_the_source(tmp_path: Path) -> None:
    assert config.home({}) == Path(config.__file__).parent / "instance"
    assert config.home({"KAIWA_HOME": str(tmp_path)}) == tmp_path


def test_an_installed_program_has_its_instance_folder_in_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "SOURCE", tmp_path / "site-packages")
    monkeypatch.chdir(tmp_path)
    assert config.home({}) == tmp_path / "instance"


def test_an_instance_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(config.BadSetting, match="KAIWA_HOME"):
        config.load({"KAIWA_HOME": str(tmp_path / "file" / "instance")})
