"""An identity provider that speaks OpenID Connect on a real socket, and lies on demand."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.serving import serving

CLIENT, SECRET = "kaiwa", "a secret: of 100% care"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass
class Key:
    """Signs with the algorithm of its kind; written by hand, so that the library under test is not its own judge."""

    kid: str = field(default_factory=lambda: secrets.token_hex(4))
    secret: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def public(self) -> dict[str, Any]:
        numbers = self.secret.public_key().public_numbers()
        about = {"kid": self.kid, "use": "sig"}
        if isinstance(self.secret, rsa.RSAPrivateKey):
            return about | {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
        x, y = (_text(each.to_bytes(32, "big")) for each in (numbers.x, numbers.y))
        return about | {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.secret, bytes):
            return hmac.digest(self.secret, data, "sha256")
        if isinstance(self.secret, rsa.RSAPrivateKey):
            return self.secret.sign(data, padding.PKCS1v15(), SHA256())
        r, s = decode_dss_signature(self.secret.sign(data, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass
class IdentityProvider:
    """`claims` are about who is logged in there. The others spoil an answer: `header` and `wrong` the token,
    `metadata` the discovery, `answers` whole responses by path."""

    issuer: str = ""
    keys: list[Key] = field(default_factory=lambda: [Key()])
    published: list[dict[str, Any]] | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    user_info: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    key: Key | None = None
    signature: bytes | None = None
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def is_alice(self, **more: Any) -> None:
        mine = {"sub": "4711", "name": "Alice Lidell", "email": "alice@moderators.example", "email_verified": True}
        self.claims = mine | more

    def rotate(self) -> None:
        self.keys = [Key()]

    def log_in(self, address: str) -> str:
        """What the provider does for a browser that comes with this address: where it sends the browser back to."""
        asked = dict(parse_qsl(urlsplit(address).query, strict_parsing=True))
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256", asked
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def discovery(self) -> dict[str, Any]:
        ends = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys",
                "userinfo_endpoint": "me", "end_session_endpoint": "leave"}  # fmt: skip
        return {name: f"{self.issuer}/{path}" for name, path in ends.items()} | {"issuer": self.issuer} | self.metadata

    def redeem(self, fields: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        asked = self.codes.pop(fields.get("code", ""), None)
        digest = hashlib.sha256(fields.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not self._is_ours(authorization):
            return 401, {"error": "invalid_client"}
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != fields["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"token_type": "Bearer", "access_token": "access", "id_token": self.token(asked["nonce"])}

    def token(self, nonce: str) -> str:
        now, key = int(time.time()), self.key or self.keys[0]
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, "auth_time": now}
        parts = {"alg": "ES256", "kid": self.keys[0].kid} | self.header, claims | self.claims | self.wrong
        given = [{name: each for name, each in part.items() if each is not None} for part in parts]
        signed = ".".join(_text(json.dumps(part).encode()) for part in given)
        signature = key.sign(signed.encode()) if self.signature is None else self.signature
        return f"{signed}.{_text(signature)}"

    def _is_ours(self, authorization: str) -> bool:
        kind, _, text = authorization.partition(" ")
        if kind != "Basic":
            return False
        pair = [unquote(each) for each in base64.b64decode(text).decode().split(":")]
        return pair == [CLIENT, SECRET]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        provider, path = self.server.provider, urlsplit(self.path).path
        provider.asked.append(path)
        if path == "/authorize":
            self.send_response(302)
            self.send_header("Location", provider.log_in(self.path))
            self.end_headers()
            return
        keys = provider.published or [each.public() for each in provider.keys]
        told = {"sub": provider.claims.get("sub")} | provider.user_info
        known = {"/.well-known/openid-configuration": provider.discovery(), "/keys": {"keys": keys},
                 "/me": told}  # fmt: skip
        if path == "/me" and self.headers["Authorization"] != "Bearer access":
            self._say(401, {"error": "invalid_token"})
            return
        self._say(*provider.answers.get(path, (200, known.get(path))))

    def do_POST(self) -> None:
        provider = self.server.provider
        provider.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        fields = {name: values[0] for name, values in parse_qs(body).items()}
        made = provider.redeem(fields, self.headers["Authorization"] or "")
        self._say(*provider.answers.get(self.path, made))

    def _say(self, status: int, told: Any) -> None:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_about: Any) -> None:
        """No log lines: the tests read `asked`."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: IdentityProvider


@contextmanager
def running_provider() -> Iterator[IdentityProvider]:
    """Start the server on a free port; stop it at the end."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.provider = IdentityProvider(f"http://127.0.0.1:{server.server_port}")
    with serving(server):
        yield server.provider
