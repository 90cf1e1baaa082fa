"""Nonsense in a setting is refused at start, with its name and the mend."""

import stat
from pathlib import Path

import pytest

import config

NONSENSE = [
    ("PORT", "nonsense"),
    ("PORT", "0"),
    ("WORKERS", "-1"),
    ("DATABASE_URL", "mysql://localhost/x"),
    ("PUBLIC_URL", "comments.example"),
    ("MAIL_URL", "http://mail.example"),
    ("TRUSTED_PROXIES", "everybody"),
    ("LOG_LEVEL", "LOUD"),
    ("SECRET_KEY", "short"),
]


@pytest.mark.parametrize(("name", "value"), NONSENSE)
def test_nonsense_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(config.BadSetting, match=name):
        config.load({name: value}, tmp_path)


def test_a_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
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
