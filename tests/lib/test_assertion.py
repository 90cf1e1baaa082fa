"""Signed assertions of a publisher: valid ones, and each way to forge or to misuse one."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.lib import assertion
from app.lib.assertion import BadAssertion, kid_of, public_key, verify
from tests.signed_members import PEM, PRIVATE, RAW, claims_of, jws, url64, with_secret

SECRET = "a secret of forty-three letters, or about it"
HS, ED = {"alg": "HS256", "kid": "one"}, {"alg": "EdDSA", "kid": "one"}
JWK = {"kty": "OKP", "crv": "Ed25519", "x": url64(RAW)}


def hs(header: Any = HS, **claims: Any) -> str:
    return jws(header, claims_of(**claims), with_secret(SECRET))


def test_both_algorithms_and_both_names_of_ed25519_are_accepted() -> None:
    assert verify(hs(), SECRET, "HS256", "paper")["sub"] == "4711"
    for name in ("EdDSA", "Ed25519"):
        token = jws({**ED, "alg": name}, claims_of(), PRIVATE.sign)
        assert (kid_of(token), verify(token, PEM, "EdDSA", "paper")["name"]) == ("one", "Hanako")


def test_the_algorithm_is_that_of_the_key() -> None:
    claims = claims_of()
    unsigned = jws({"alg": "none", "kid": "one"}, claims, lambda _message: b"")
    confused = jws(HS, claims, with_secret(PEM))
    for token in (unsigned, unsigned.rstrip(".") + ".", confused, hs(), hs({**HS, "alg": "EdDSA"})):
        with pytest.raises(BadAssertion):
            verify(token, PEM, "EdDSA", "paper")
    longer = jws({**HS, "alg": "HS512"}, claims, lambda message: hmac.digest(SECRET.encode(), message, hashlib.sha512))
    signed = jws(ED, claims, PRIVATE.sign)
    for token in (unsigned, longer, signed, hs({"kid": "one"}), hs({**HS, "alg": ["HS256"]}), hs({**HS, "alg": None})):
        with pytest.raises(BadAssertion):
            verify(token, SECRET, "HS256", "paper")


def test_every_changed_byte_is_noticed() -> None:
    for token, key, algorithm in ((hs(), SECRET, "HS256"), (jws(ED, claims_of(), PRIVATE.sign), PEM, "EdDSA")):
        for at in range(0, len(token), 7):
            other = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
            with pytest.raises(BadAssertion):
                verify(other, key, algorithm, "paper")


def test_the_audience_is_one_site() -> None:
    for aud in ("other", "Paper", "paper ", ["paper", "other"], ["paper"], None, 1, {"paper": 1}):
        with pytest.raises(BadAssertion, match="audience"):
            verify(hs(aud=aud), SECRET, "HS256", "paper")


def test_a_token_is_valid_for_five_minutes_at_most() -> None:
    moment = claims_of()["iat"]
    for fine in ({"exp": moment + 300.5, "iat": moment + 1}, {"iat": None}, {"iat": moment - 200, "exp": moment + 100},
                 {"exp": moment - 20, "iat": moment - 300}, {"iat": moment + 20}):  # fmt: skip
        assert verify(hs(**{"exp": moment + 300} | fine), SECRET, "HS256", "paper")
    for wrong, reason in (
        ({"exp": moment - 40, "iat": moment - 300}, "expired"), ({"exp": 0}, "expired"),
        ({"exp": moment + 3600}, "lifetime"), ({"exp": moment + 340, "iat": None}, "lifetime"),
        ({"exp": moment + 200, "iat": moment - 200}, "lifetime"), ({"iat": moment + 60}, "lifetime"),
        ({"nbf": moment + 60}, "lifetime"), ({"exp": None}, "malformed"), ({"exp": str(moment + 300)}, "malformed"),
        ({"exp": True}, "malformed"), ({"exp": float("nan")}, "malformed"), ({"exp": float("inf")}, "malformed"),
        ({"exp": 10**400}, "malformed"), ({"exp": [moment]}, "malformed"), ({"exp": -1}, "malformed"),
        ({"iat": "now"}, "malformed"), ({"iat": 10**400}, "malformed"), ({"exp": 10**15}, "malformed"),
    ):  # fmt: skip
        with pytest.raises(BadAssertion, match=reason):
            verify(hs(**wrong), SECRET, "HS256", "paper")


def test_hostile_tokens_are_refused_before_any_work() -> None:
    deep = b'{"kid":' + b"[" * 1500 + b"]" * 1500 + b"}"
    body = hs().split(".")[1]
    hostile = [
        "", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "." * 5_000, "a" * 5_000, hs(name="x" * 5_000),
        jws(deep, claims_of(), with_secret(SECRET)), jws(HS, deep, with_secret(SECRET)), f"é.{body}.x", "\0.\0.\0",
        jws(b"\xff\xfe", claims_of(), with_secret(SECRET)), jws(b"[]", b"[]", with_secret(SECRET)),
        jws(b"1", b"1", with_secret(SECRET)), jws(b"{}", b"{}", with_secret(SECRET)),
        hs({**HS, "crit": ["exp"]}), hs({**HS, "b64": False}), hs({**HS, "kid": 1}), hs({**HS, "kid": None}),
        hs({**HS, "kid": {"$ne": 1}}), hs({"alg": "HS256"}),
        jws(HS, b'{"exp":' + b"9" * 3_000 + b"}", with_secret(SECRET)),
    ]  # fmt: skip
    for token in hostile:
        with pytest.raises(BadAssertion):
            kid_of(token)
            verify(token, SECRET, "HS256", "paper")


def test_keys_in_the_header_are_not_followed() -> None:
    own = jws({**ED, "jwk": JWK, "jku": "https://evil.example/keys"}, claims_of(), PRIVATE.sign)
    with pytest.raises(BadAssertion):
        verify(own, SECRET, "HS256", "paper")


def test_public_keys_are_read_as_pem_and_as_jwk() -> None:
    assert public_key(PEM) == public_key(f"\n {PEM}") == public_key(json.dumps(JWK)) == PEM
    assert assertion.kid_in(json.dumps({**JWK, "kid": "mine"})) == "mine"
    assert assertion.kid_in(PEM) == assertion.kid_in(json.dumps(JWK)) and len(assertion.kid_in(PEM)) == 16
    elliptic, ed448 = generate_private_key(SECP256R1()).public_key(), Ed448PrivateKey.generate().public_key()
    others = [each.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode() for each in (elliptic, ed448)]
    wrong: list[Any] = [
        {**JWK, "crv": "X25519"},
        {**JWK, "x": "AAAA"},
        {**JWK, "x": 1},
        {**JWK, "d": "x"},
        {"kty": "oct"},
    ]
    for text in (*others, *map(json.dumps, wrong), "", "hello", "{", "-----BEGIN PUBLIC KEY-----", PEM + "x" * 3_000,
                 PEM.replace("PUBLIC", "PRIVATE"), "[" * 900, "{" + "[" * 900):  # fmt: skip
        with pytest.raises(ValueError, match=r".*"):
            public_key(text)
