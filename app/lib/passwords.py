"""Passwords: argon2id hashes, compared in constant time."""

import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.lib import guessable

MAX_TYPED = 1_000  # characters; bounds the time of hashing

# The library's defaults: RFC 9106's second recommendation (64 MiB, three passes).
_hasher = PasswordHasher()


class BadPassword(ValueError):
    """The password is too short, too long or easy to guess; the message is for people."""


def new_hash(text: str, own_words: Iterable[str]) -> str:
    """The hash of a password that someone chose. Raises BadPassword.

    `own_words` are texts with words that others would try first: names, addresses.
    """
    if sentence := guessable.refusal(text, own_words):
        raise BadPassword(sentence)
    return hash_password(text)


def hash_password(text: str) -> str:
    """Return a salted argon2id hash, of a password that was checked or is random."""
    return _hasher.hash(_one_form(text))


def verify(hashed: str, text: str) -> bool:
    """True if `text` is the password; False for an invalid hash."""
    try:
        return len(text) <= MAX_TYPED and _hasher.verify(hashed, _one_form(text))
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(hashed: str) -> bool:
    return _hasher.check_needs_rehash(hashed)


def _one_form(text: str) -> str:
    """Keyboards write the same characters in different forms, such as full width (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", text)
