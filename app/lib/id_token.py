"""ID tokens of OpenID Connect: signature and claims (OpenID Connect Core 1.0, 3.1.3.7)."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry

# Never `none`, and no algorithm whose key is a shared secret: a public key could be taken for one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
KINDS_OF_KEYS = ("RSA", "EC", "OKP")
MOST_KEYS = 100
MIN_RSA_BITS = 2048  # RFC 7518, 3.3
LONGEST = 48_000  # characters of a token; a few hundred groups fit
LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, 2
LEEWAY_S = 60  # of the provider's clock


class NotVerified(Exception):
    """The token proves nothing; the message, for the log, says why."""


class UnknownKey(NotVerified):
    """It is signed with a key that is not among these: the provider may have replaced its keys."""


def keys_of(document: Mapping[str, Any]) -> KeySet:
    """The usable public keys of a JWK set; others are left out (RFC 7517, 5)."""
    listed = document.get("keys")
    return KeySet([key for each in (listed if isinstance(listed, list) else [])[:MOST_KEYS] if (key := _usable(each))])


def verify(token: str, keys: KeySet, *, issuer: str, client: str, nonce: str, at: datetime) -> dict[str, Any]:
    """The claims of a valid token for this client and this log-in, at this time. Raises NotVerified."""
    if len(token) > LONGEST or not token.isascii():
        raise NotVerified("not a token")
    # Headers that are not known are ignored (RFC 7515, 4), except critical ones.
    rules = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
    try:
        decoded = jwt.decode(token, lambda signed: _key(keys, signed.headers()), registry=rules)
    except (JoseError, ValueError, TypeError, RecursionError) as wrong:
        raise NotVerified(f"{type(wrong).__name__}") from wrong
    _check_claims(decoded.claims, issuer, client, nonce, int(at.timestamp()))
    return decoded.claims


def _usable(given: Any) -> Key | None:
    if not isinstance(given, dict) or given.get("kty") not in KINDS_OF_KEYS or given.get("use", "sig") != "sig":
        return None
    try:
        key = JWKRegistry.import_key({name: value for name, value in given.items() if name in _PUBLIC})
        weak = isinstance(key.public_key, RSAPublicKey) and key.public_key.key_size < MIN_RSA_BITS
    except (JoseError, ValueError, TypeError, KeyError, UserWarning):
        return None
    return None if weak else key


# Members of public keys (RFC 7518, 6; RFC 8037, 2), so that no private part is ever read.
_PUBLIC = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")


def _key(keys: KeySet, header: Mapping[str, Any]) -> Key:
    kid, algorithm = header.get("kid"), header.get("alg")
    fitting = [key for key in keys if kid in (None, key.kid) and key.alg in (None, algorithm)]
    if len(fitting) == 1:
        return fitting[0]
    if kid is None and fitting:
        raise NotVerified("the token does not say which key signed it")
    raise UnknownKey("the key is not known")


def _check_claims(claims: dict[str, Any], issuer: str, client: str, nonce: str, at: int) -> None:
    wanted = {name: {"essential": True} for name in ("iss", "sub", "aud", "exp", "iat", "nonce")}
    try:
        jwt.JWTClaimsRegistry(now=at, leeway=LEEWAY_S, **wanted).validate(claims)  # type: ignore[arg-type]
    except (JoseError, OverflowError) as wrong:
        raise NotVerified(f"{type(wrong).__name__}: {wrong}"[:200]) from wrong
    for name, right in _expected(claims, issuer, client, nonce):
        if not right:
            raise NotVerified(f"the claim {name} is wrong")


def _expected(claims: dict[str, Any], issuer: str, client: str, nonce: str) -> Iterable[tuple[str, bool]]:
    yield "iss", claims["iss"] == issuer
    # Other audiences are none that we trust.
    yield "aud", claims["aud"] in (client, [client])
    yield "azp", claims.get("azp", client) == client
    yield "nonce", claims["nonce"] == nonce
    yield "sub", 0 < len(claims["sub"]) <= LONGEST_SUBJECT and claims["sub"].isprintable()


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises ValueError."""
    try:
        found = json.loads(body)
    except RecursionError as deep:
        raise ValueError("nested too deeply") from deep
    if not isinstance(found, dict):
        raise ValueError("not an object")
    return found
