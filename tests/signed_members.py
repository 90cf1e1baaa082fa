"""A publisher's server that signs who its members are; written without the library that verifies."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.desk import member_keys
from app.lib.clock import now
from app.models import Site
from app.models.audit import Who
from tests.cast import ORIGIN, PAGE, Reader

Signer = Callable[[bytes], bytes]
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
RAW = PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_secret(secret: str) -> Signer:
    return lambda message: hmac.digest(secret.encode(), message, hashlib.sha256)


def jws(header: Any, claims: Any, sign: Signer) -> str:
    parts = ".".join(url64(part if isinstance(part, bytes) else json.dumps(part).encode()) for part in (header, claims))
    return f"{parts}.{url64(sign(parts.encode()))}"


def claims_of(sub: str = "4711", **more: Any) -> dict[str, Any]:
    """Of Hanako, for five minutes; `None` leaves a claim out."""
    moment = int(now().timestamp())
    usual = {"sub": sub, "name": "Hanako", "badge": "Subscriber", "aud": "paper", "iat": moment, "exp": moment + 300}
    return {name: value for name, value in (usual | more).items() if value is not None}


class Publisher:
    """With one HS256 key on the site, whose kid is `one`."""

    def __init__(self, db_session: Session, site: Site) -> None:
        self.key, self.secret = member_keys.make_secret(site, kid="one", by=Who.OPERATOR)
        db_session.commit()

    def sign(self, sub: str = "4711", **more: Any) -> str:
        header = {"alg": "HS256", "typ": "JWT", "kid": "one"}
        return jws(header, claims_of(sub, **more), with_secret(self.secret))


def exchange(client: FlaskClient, assertion: str, origin: str = ORIGIN, **more: str) -> TestResponse:
    given = {"site": "paper", "url": PAGE, "lang": "en", "member": assertion} | more
    return client.post("/embed/member", data=given, headers={"Origin": origin})


def logged_in(client: FlaskClient, publisher: Publisher, sub: str = "4711", **more: Any) -> Reader:
    """A member's browser, whose form has no name and email."""
    author = exchange(client, publisher.sign(sub, **more)).headers["Kaiwa-Author"]
    return Reader(client, name="", email="", author=author)
