"""Signed lists: JSON Web Signatures (RFC 7515, flattened JSON) with Ed25519 (RFC 8037), and changes of their key.

A key is the 32 raw bytes in base64url, as the `x` of a JWK. docs/lists.md describes the file.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_BYTES = 2 << 20
TYPE, CHANGE_TYPE = "kaiwa-list", "kaiwa-list-key"
# Names of one algorithm (RFC 9864, RFC 8037).
ALGORITHMS = ("Ed25519", "EdDSA")
# Of a header or of a change of the key, in characters; real ones have two hundred.
LONGEST_PART = 1_000
MOST_CHANGES = 10
# Brackets outside of the payload, which is base64url: deeper JSON is not parsed.
MOST_BRACKETS = 20
KEY = re.compile(r"[A-Za-z0-9_-]{43}")


class BadList(ValueError):
    """`code`: too_large, malformed, key or signature, and those of the list's content (app/screening/list_file.py)."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


class Signed(NamedTuple):
    """A list whose signature is valid, with the key that made it."""

    key: str
    payload: bytes


def new_key() -> str:
    return _written(Ed25519PrivateKey.generate().private_bytes_raw())


def public_key_of(private: str) -> str:
    return _written(_private(private).public_key().public_bytes_raw())


def is_key(text: str) -> bool:
    """True for a public key in its only spelling."""
    return bool(KEY.fullmatch(text)) and _written(_read(text)) == text


def fingerprint(public: str) -> str:
    """The thumbprint of the JWK (RFC 7638)."""
    return _written(hashlib.sha256(_canonical(_jwk(public))).digest())


def sign(payload: bytes, private: str, changes: Sequence[str] = ()) -> bytes:
    """The file. `changes`, the oldest first, lead from earlier keys to this one."""
    protected = _written(_canonical(_header(TYPE, public_key_of(private))))
    body = _written(payload)
    signature = _written(_private(private).sign(f"{protected}.{body}".encode()))
    file: dict[str, Any] = {"payload": body, "protected": protected, "signature": signature}
    return _canonical(file | ({"changes": list(changes)[-MOST_CHANGES:]} if changes else {})) + b"\n"


def change_key(old_private: str, new_public: str) -> str:
    """A statement of the old key that the new one follows (a compact JWS)."""
    header = _written(_canonical(_header(CHANGE_TYPE, public_key_of(old_private))))
    signed = f"{header}.{_written(_canonical({'next': _jwk(new_public)}))}"
    return f"{signed}.{_written(_private(old_private).sign(signed.encode()))}"


def verify(file: bytes, trusted: str = "") -> Signed:
    """The payload of a file by the trusted key, or by one that follows it; without a trusted key, by any key.

    Nothing of the payload is parsed. Raises BadList.
    """
    if len(file) > MAX_BYTES:
        raise BadList("too_large")
    outer = _object(file)
    parts = [outer.get(name) for name in ("protected", "payload", "signature")]
    if not all(isinstance(part, str) for part in parts):
        raise BadList("malformed")
    protected, payload, signature = map(str, parts)
    key = _key_in(protected, TYPE)
    if trusted and key != trusted and not _follows(key, trusted, _changes_in(outer)):
        raise BadList("key")
    _check(key, f"{protected}.{payload}", signature)
    return Signed(key, _read(payload))


def parsed(text: bytes) -> Any:
    """JSON in UTF-8 in which no name occurs twice. Raises BadList."""
    try:
        return json.loads(text.decode(), object_pairs_hook=_without_doubles, parse_constant=_refused)
    except (ValueError, RecursionError) as trouble:
        raise BadList("malformed") from trouble


def _follows(key: str, trusted: str, changes: Iterable[str]) -> bool:
    """True if the changes lead from the trusted key to this one."""
    for change in changes:
        old, new = _change(change)
        if old == trusted:
            trusted = new
    return key == trusted


def _change(statement: str) -> tuple[str, str]:
    header, _dot, rest = statement.partition(".")
    body, _dot, signature = rest.partition(".")
    old = _key_in(header, CHANGE_TYPE)
    _check(old, f"{header}.{body}", signature)
    return old, _key_of(_object(_read(body)).get("next"))


def _changes_in(outer: dict[str, Any]) -> list[str]:
    changes = outer.get("changes", [])
    if not isinstance(changes, list) or len(changes) > MOST_CHANGES:
        raise BadList("malformed")
    if not all(isinstance(each, str) and len(each) <= LONGEST_PART for each in changes):
        raise BadList("malformed")
    return changes


def _key_in(protected: str, kind: str) -> str:
    """The key that a header names."""
    header = _object(_read(protected)) if len(protected) <= LONGEST_PART else {}
    # These change the signed bytes (RFC 7515, 4.1.11; RFC 7797).
    if header.get("alg") not in ALGORITHMS or header.get("typ") != kind or {"crit", "b64"} & header.keys():
        raise BadList("malformed")
    return _key_of(header.get("jwk"))


def _key_of(jwk: Any) -> str:
    if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise BadList("malformed")
    key = jwk.get("x")
    if not isinstance(key, str) or not is_key(key):
        raise BadList("malformed")
    return key


def _check(key: str, signed: str, signature: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(_read(key)).verify(_read(signature), signed.encode())
    except InvalidSignature as trouble:
        raise BadList("signature") from trouble
    except ValueError as trouble:
        raise BadList("malformed") from trouble


def _object(text: bytes) -> dict[str, Any]:
    if text.count(b"{") + text.count(b"[") > MOST_BRACKETS:
        raise BadList("malformed")
    found = parsed(text)
    if not isinstance(found, dict):
        raise BadList("malformed")
    return found


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _header(kind: str, public: str) -> dict[str, Any]:
    return {"alg": ALGORITHMS[0], "typ": kind, "kid": fingerprint(public), "jwk": _jwk(public)}


def _jwk(public: str) -> dict[str, str]:
    return {"crv": "Ed25519", "kty": "OKP", "x": public}


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _private(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_read(text))


def _written(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(text: str) -> bytes:
    """Base64url. Raises BadList."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as trouble:
        raise BadList("malformed") from trouble
