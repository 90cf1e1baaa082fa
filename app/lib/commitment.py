"""A digest of named values that can be shown one by one (like selective disclosure in RFC 9901).

Each value has a salt of its own, made from one secret salt: with the salt of one value, the others stay unknown.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping
from typing import Any

SALT_CHARACTERS = 32


def digest(salt: str, values: Mapping[str, Any]) -> str:
    """The digest of all values in their order; JSON is the same for equal values in each database."""
    return _sha256("decision:" + "".join(digest_of(_salt_of(salt, name), name, values[name]) for name in values))


def digest_of(salt: str, name: str, value: Any) -> str:
    return _sha256(salt + json.dumps([name, value]))


def shown(salt: str, values: Mapping[str, Any], names: Collection[str]) -> list[dict[str, Any]]:
    """The values in their order: the named ones with their salts, of the others only the digests."""
    found: list[dict[str, Any]] = []
    for name, value in values.items():
        own = _salt_of(salt, name)
        opened = {"name": name, "value": value, "salt": own}
        found.append(opened if name in names else {"name": name, "digest": digest_of(own, name, value)})
    return found


def _salt_of(salt: str, name: str) -> str:
    return hmac.digest(salt.encode(), name.encode(), "sha256").hex()[:SALT_CHARACTERS]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
