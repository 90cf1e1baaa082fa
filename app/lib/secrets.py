"""Encrypted columns, and blind indexes for finding encrypted values."""

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

TAG_LENGTH = 8  # characters; tells apart the few keys of an installation
DIGEST_LENGTH = 43  # characters of HMAC-SHA256 in base64url
# Texts that are encrypted for one purpose cannot be read, or made, for another one.
COLUMNS = "columns"


class Unreadable(str):
    """An encrypted value that no key decrypts.

    It is falsy and equal only to the same ciphertext. It renders as "(unreadable)", and writing it back keeps the
    ciphertext.
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
    """A text column stored encrypted; '' and None stay as they are.

    Fernet (AES-128-CBC with HMAC-SHA256) with a random nonce: equal values have different ciphertexts.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        if is_unreadable(value):
            return value.ciphertext
        return encrypt(value) if value else value

    def process_result_value(self, value: str | None, dialect: object) -> str | None:
        return decrypt(value, all_keys()) if value else value


def encrypt(text: str, purpose: str = COLUMNS) -> str:
    return _cipher(all_keys(), purpose).encrypt(text.encode()).decode()


def decrypt(ciphertext: str, keys: tuple[str, ...], purpose: str = COLUMNS) -> str:
    """The text, or `Unreadable` if none of these keys decrypts it."""
    try:
        return _cipher(keys, purpose).decrypt(ciphertext.encode()).decode()
    except (InvalidToken, ValueError):
        return Unreadable(ciphertext)


class Index(str):
    """A blind index under the current key; `all` includes those under earlier keys."""

    all: tuple[str, ...]

    def __new__(cls, candidates: Iterable[str]) -> "Index":
        found = tuple(candidates)
        made = super().__new__(cls, found[0])
        made.all = found
        return made


class BlindIndex(String):
    """A column of blind indexes. An `Index` matches values under any of the keys."""

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
    """A keyed hash (HMAC-SHA256) for finding an encrypted value.

    The same value has unrelated indexes for different purposes (site, column). An index names its key, so `flask upkeep
    rotate-key` finds those under earlier keys; indexes from before 2026-11 do not.
    """
    keys = all_keys()
    digests = [(key, _digest(key, purpose, value)) for key in keys]
    return Index([*(f"{tag_of(key)}.{digest}" for key, digest in digests), *(digest for _key, digest in digests)])


def all_keys() -> tuple[str, ...]:
    """The current key, then earlier ones."""
    return (current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"])


@lru_cache(maxsize=64)
def tag_of(key: str) -> str:
    """Identifies a key's indexes; hexadecimal, so nothing in it is special in SQL."""
    return _derived(key, "index tag").hex()[:TAG_LENGTH]


def print_of(key: str, salt: bytes) -> str:
    """A fingerprint of a key (32 bytes in hexadecimal).

    Guessing a key with it is as slow as with a ciphertext, and the salt prevents precomputed tables.
    """
    return hmac.digest(_derived(key, "fingerprint"), salt, hashlib.sha256).hex()


def _digest(key: str, purpose: str, value: str) -> str:
    digest = hmac.digest(_derived(key, "blind index"), f"{purpose}\0{value}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@lru_cache(maxsize=16)
def _cipher(keys: tuple[str, ...], purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key, purpose))) for key in keys])


@lru_cache(maxsize=256)
def _derived(key: str, purpose: str) -> bytes:
    """HKDF (RFC 5869) with one key for each purpose."""
    return HKDF(SHA256(), 32, salt=None, info=f"kaiwa {purpose}".encode()).derive(key.encode())
