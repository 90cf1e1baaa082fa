"""What must be readable by us and by nobody who finds the file: encrypted columns and blind indexes."""

import base64
import hashlib
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app
from sqlalchemy import Text
from sqlalchemy.types import TypeDecorator


class Encrypted(TypeDecorator[str]):
    """A text column whose file content is ciphertext; '' and None stay as they are.

    Fernet (AES-128-CBC with HMAC-SHA256); the nonce is fresh each time, so that equal values look different.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> str | None:
        return _cipher().encrypt(value.encode()).decode() if value else value

    def process_result_value(self, value: str | None, dialect: object) -> str | None:
        return _cipher().decrypt(value.encode()).decode() if value else value


def blind_index(purpose: str, value: str) -> str:
    """Return a keyed hash (HMAC-SHA256, 43 characters) by which an encrypted value can be found.

    `purpose` keeps the same value under different purposes (a site, a column) from being linked.
    """
    return _index(current_app.config["SECRET_KEY"], purpose, value)


def blind_indexes(purpose: str, value: str) -> list[str]:
    """The blind index under every key that there is: what was written under an earlier one is found too."""
    keys = (current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"])
    return [_index(key, purpose, value) for key in keys]


def _index(secret: str, purpose: str, value: str) -> str:
    key = _derived(secret, "blind index")
    return _text(hmac.digest(key, f"{purpose}\0{value}".encode(), hashlib.sha256))


def _cipher() -> MultiFernet:
    return _cipher_of(current_app.config["SECRET_KEY"], *current_app.config["SECRET_KEY_FALLBACKS"])


@lru_cache(maxsize=8)
def _cipher_of(*secrets: str) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(each, "columns"))) for each in secrets])


@lru_cache(maxsize=64)
def _derived(secret: str, purpose: str) -> bytes:
    """RFC 5869; one key for each purpose, so that a leak of one does not open the others."""
    return HKDF(SHA256(), 32, salt=None, info=f"kaiwa {purpose}".encode()).derive(secret.encode())


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
