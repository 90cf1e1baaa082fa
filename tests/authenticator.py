"""A passkey provider in software (WebAuthn Level 3): answers options as a browser and its authenticator would."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


@dataclass
class Credential:
    id: bytes
    key: ec.EllipticCurvePrivateKey
    host: str
    handle: bytes
    count: int = 0


@dataclass
class Authenticator:
    """`origin` is what the browser's address bar shows. Keyword arguments of `get` and `create` spoil an answer."""

    origin: str = "http://localhost"
    credentials: list[Credential] = field(default_factory=list)
    # Raised with each use; 0 for passkeys that are synchronised.
    counts: bool = True

    def create(self, options: dict[str, Any], *, flags: int = PRESENT | VERIFIED, **spoilt: Any) -> str:
        made = Credential(
            secrets.token_bytes(16), ec.generate_private_key(ec.SECP256R1()), options["rp"]["id"],
            base64url_to_bytes(options["user"]["id"]),
        )  # fmt: skip
        self.credentials.append(made)
        numbers = made.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(made.id).to_bytes(2, "big") + made.id + cose
        data = self._data(made, flags | ATTESTED, spoilt) + attested
        attestation = cbor2.dumps({"fmt": spoilt.get("fmt", "none"), "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options, spoilt)
        return _answer(made, {"clientDataJSON": client, "attestationObject": attestation})

    def get(self, options: dict[str, Any], *, flags: int = PRESENT | VERIFIED, **spoilt: Any) -> str:
        known = {each["id"] for each in options.get("allowCredentials", [])}
        used = next(each for each in self.credentials if not known or bytes_to_base64url(each.id) in known)
        used.count += self.counts
        data = self._data(used, flags, spoilt)
        client = self._client("webauthn.get", options, spoilt)
        key = spoilt.get("key", used.key)
        signature = key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        parts = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        handle = spoilt.get("handle", used.handle)
        return _answer(used, parts | ({"userHandle": handle} if handle else {}), id=spoilt.get("id"))

    def _data(self, used: Credential, flags: int, spoilt: dict[str, Any]) -> bytes:
        host = hashlib.sha256(spoilt.get("host", used.host).encode()).digest()
        return host + bytes([flags]) + spoilt.get("count", used.count).to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any], spoilt: dict[str, Any]) -> bytes:
        about = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(about | {name: spoilt[name] for name in about if name in spoilt}).encode()


def _answer(used: Credential, parts: dict[str, bytes], id: bytes | None = None) -> str:
    named = bytes_to_base64url(id or used.id)
    response = {name: bytes_to_base64url(value) for name, value in parts.items()}
    return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": response})
