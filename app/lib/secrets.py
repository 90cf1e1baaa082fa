"""Encrypted columns, and blind indexes that find encrypted values."""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeGuard

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import String, Text
from sqlalchemy.types import TypeDecorator

TAG_LENGTH = 8  # characters; tells apart the few keys that one installation ever has
DIGEST_LENGTH = 43  # characters of HMAC-SHA256 in base64url


class Unreadable(str):
    """An encrypted value that none of the keys decrypts.

    It is falsy, so `if author.email` skips it, but equal only to the same ciphertext. It renders as "(unreadable)", and
    writing it back keeps the ciphertext.
    """

    ciphertext: str

    def __new__(cls, ciphertext: str) -> "Unreadable":
        made = super().__new__(cls, "(unreadable)")
        made.ciphertext = ciphertext
        return made

    def __bool__(self) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unreadable) and other.ciphertext == self.ciphertext

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.ciphertext)

    def __str__(self) -> str:
        return str(_("(unreadable)"))

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __html__(self) -> str:
        return str(self)


def is_unreadable(value: object) -> TypeGuard[Unreadable]:
    return isinstance(value, Unreadable)


class Encrypted(TypeDecorator[str]):
    """A text column that is stored encrypted; '' and None stay as they are.

    Fernet (AES-128-CBC with HMAC-SHA256) with a random nonce, so equal values have different ciphertexts.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        if is_unreadable(value):
            return value.ciphertext
        return encrypt(value) if value else value

    def process_result_value(self, value: str | None, dialect: object) -> str | None:
        return decrypt(value, all_keys()) if value else value


def encrypt(text: str) -> str:
    """Encrypt under the present key."""
    return _cipher(all_keys()).encrypt(text.encode()).decode()


def decrypt(ciphertext: str, keys: tuple[str, ...]) -> str:
    """The text, or `Unreadable` if none of these keys decrypts it."""
    try:
        return _cipher(keys).decrypt(ciphertext.encode()).decode()
    except (InvalidToken, ValueError):
        return Unreadable(ciphertext)


class Index(str):
    """A blind index under the present key; `all` has those under earlier keys too."""

    all: tuple[str, ...]

    def __new__(cls, candidates: Iterable[str]) -> "Index":
        found = tuple(candidates)
        made = super().__new__(cls, found[0])
        made.all = found
        return made


class BlindIndex(String):
    """A column of blind indexes. Comparison with an `Index` matches values under any of the keys."""

    cache_ok = True

    class Comparator(String.Comparator[str]):
        def __eq__(self, other: Any) -> Any:
            return super().in_(other.all) if isinstance(other, Index) else super().__eq__(other)

        def __ne__(self, other: Any) -> Any:
            return super().not_in(other.all) if isinstance(other, Index) else super().__ne__(other)

        def in_(self, other: Any) -> Any:
            return super().in_(candidates(other) if isinstance(other, list | tuple | set) else other)

    comparator_factory = Comparator

    def __init__(self, length: int = 64) -> None:
        super().__init__(length)


def candidates(values: Iterable[str | None]) -> list[str]:
    """All texts under which one of these indexes may be stored."""
    return [text for value in values if value is not None for text in getattr(value, "all", (value,))]


def blind_index(purpose: str, value: str) -> Index:
    """Return a keyed hash (HMAC-SHA256) by which an encrypted value can be found.

    `purpose` keeps the same value under different purposes (a site, a column) from being linked. What is written
    names its key, so that `flask upkeep rotate-key` can tell what is left under an earlier one. Until 2026-11 it
    did not: such indexes are found too.
    """
    keys = all_keys()
    digests = [(key, _digest(key, purpose, value)) for key in keys]
    return Index([*(f"{tag_of(key)}.{digest}" for key, digest in digests), *(digest for _key, digest in digests)])


def all_keys() -> tuple[str, ...]:
    """The present key, then earlier ones."""
    return (current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"])


@lru_cache(maxsize=64)
def tag_of(key: str) -> str:
    """Tells indexes of one key from those of another: hexadecimal, so that nothing in it is special in SQL."""
    return _derived(key, "index tag").hex()[:TAG_LENGTH]


def print_of(key: str, salt: bytes) -> str:
    """A keyed check value by which a key is recognised (32 bytes as hexadecimal digits).

    To try a key against it takes as much work as against a ciphertext, and the salt makes tables of guesses useless.
    """
    return hmac.digest(_derived(key, "fingerprint"), salt, hashlib.sha256).hex()


def _digest(key: str, purpose: str, value: str) -> str:
    digest = hmac.digest(_derived(key, "blind index"), f"{purpose}\0{value}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@lru_cache(maxsize=16)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key, "columns"))) for key in keys])


@lru_cache(maxsize=256)
def _derived(key: str, purpose: str) -> bytes:
    """RFC 5869; one key for each purpose, so that a leak of one does not open the others."""
    return HKDF(SHA256(), 32, salt=None, info=f"kaiwa {purpose}".encode()).derive(key.encode())
