"""Passwords: argon2id hashes, compared in constant time."""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 12  # characters; NIST SP 800-63B requires length and no other rule
MAX_LENGTH = 1000  # characters; bounds the time of hashing

# The library's defaults: RFC 9106's second recommendation (64 MiB, three passes).
_hasher = PasswordHasher()


def hash_password(text: str) -> str:
    """Return a salted argon2id hash. Raises ValueError with a message for people if the length is wrong."""
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise ValueError(f"The password must have {MIN_LENGTH} to {MAX_LENGTH} characters.")
    return _hasher.hash(text)


def verify(hashed: str, text: str) -> bool:
    """True if `text` is the password; False for an invalid hash."""
    try:
        return _hasher.verify(hashed, text)
    except (VerificationError, InvalidHashError):
        return False


def needs_rehash(hashed: str) -> bool:
    return _hasher.check_needs_rehash(hashed)
