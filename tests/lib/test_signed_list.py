"""Signed lists: refusals before the content is read, and changes of the key."""

import base64
import json
from collections.abc import Callable

import pytest
from joserfc import jws
from joserfc.jwk import OKPKey

from app.lib import signed_list
from app.lib.signed_list import BadList

OLD, NEW, LAST, FOREIGN = (signed_list.new_key() for _number in range(4))
PAYLOAD = b'{"entries":[]}'


def public(private: str) -> str:
    return signed_list.public_key_of(private)


def refusal(file: bytes, trusted: str = "") -> str:
    with pytest.raises(BadList) as bad:
        signed_list.verify(file, trusted)
    return bad.value.code


def changed(file: bytes, **members: object) -> bytes:
    return json.dumps(json.loads(file) | members).encode()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


FILE = signed_list.sign(PAYLOAD, OLD)


def test_the_trusted_key_opens_the_file_and_the_bytes_are_always_the_same() -> None:
    assert signed_list.verify(FILE, public(OLD)) == signed_list.verify(FILE) == (public(OLD), PAYLOAD)
    assert signed_list.sign(PAYLOAD, OLD) == FILE
    assert refusal(FILE, public(FOREIGN)) == "key"


def test_another_library_reads_the_signature_and_the_fingerprint() -> None:
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public(OLD)})
    assert key.thumbprint() == signed_list.fingerprint(public(OLD))
    outer = json.loads(FILE)
    compact = f"{outer['protected']}.{outer['payload']}.{outer['signature']}"
    assert jws.deserialize_compact(compact, key, algorithms=["Ed25519"]).payload == PAYLOAD


def test_a_changed_byte_anywhere_is_noticed() -> None:
    outer = json.loads(FILE)
    for name in ("payload", "protected", "signature"):
        for at in range(0, len(outer[name]), 7):
            other = "A" if outer[name][at] != "A" else "B"
            file = changed(FILE, **{name: outer[name][:at] + other + outer[name][at + 1 :]})
            assert refusal(file, public(OLD)) in ("signature", "malformed", "key"), (name, at)


def test_a_new_key_is_followed_only_if_the_old_one_confirms_it() -> None:
    first, second = signed_list.change_key(OLD, public(NEW)), signed_list.change_key(NEW, public(LAST))
    file = signed_list.sign(PAYLOAD, LAST, [first, second])
    for trusted in (OLD, NEW, LAST):
        assert signed_list.verify(file, public(trusted)).key == public(LAST)
    assert refusal(file, public(FOREIGN)) == "key"
    assert refusal(signed_list.sign(PAYLOAD, LAST, [second]), public(OLD)) == "key"
    # Who knows the new key cannot go back to the old one.
    assert refusal(signed_list.sign(PAYLOAD, OLD, [first]), public(NEW)) == "key"
    forged = signed_list.change_key(FOREIGN, public(FOREIGN)).split(".")
    real = first.split(".")
    assert refusal(signed_list.sign(PAYLOAD, FOREIGN, [".".join((real[0], forged[1], forged[2]))]), public(OLD)) in (
        "signature",
        "malformed",
    )
    # A list is no statement about a key, and the reverse.
    outer = json.loads(FILE)
    as_change = f"{outer['protected']}.{outer['payload']}.{outer['signature']}"
    assert refusal(signed_list.sign(PAYLOAD, NEW, [as_change]), public(OLD)) == "malformed"


def _header(**more: object) -> str:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": public(OLD)}
    return b64(json.dumps({"alg": "EdDSA", "typ": "kaiwa-list", "jwk": jwk} | more).encode())


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"\xff\xfe",
        lambda: b"null",
        lambda: b"[" * 100_000,
        lambda: b'{"a":' * 100_000,
        lambda: FILE + FILE,
        lambda: FILE.replace(b'"payload":', b'"payload":"e30","payload":', 1),
        lambda: changed(FILE, payload=7),
        lambda: changed(FILE, payload="é" * 10),
        lambda: changed(FILE, protected=_header(alg="none")),
        lambda: changed(FILE, protected=_header(alg="HS256")),
        lambda: changed(FILE, protected=_header(typ="JWT")),
        lambda: changed(FILE, protected=_header(crit=["b64"], b64=False)),
        lambda: changed(FILE, protected=_header(jwk={"kty": "OKP", "crv": "Ed25519", "x": "A" * 42})),
        lambda: changed(FILE, protected=_header(jwk={"kty": "oct", "k": "A" * 43})),
        lambda: changed(FILE, protected=_header(more="x" * 2_000)),
        lambda: changed(FILE, protected=b64(b'{"alg":"EdDSA","alg":"none"}')),
        lambda: changed(FILE, more=float("inf")),
    ],
)
def test_nothing_but_a_flat_list_with_the_right_algorithm_is_read(make: Callable[[], bytes]) -> None:
    assert refusal(make(), public(OLD)) in ("malformed", "signature")


@pytest.mark.parametrize("changes", [["a.b.c"], ["a.b.c"] * 11, ["x" * 5_000], {}, [7], [""]])
def test_a_statement_about_a_key_that_is_none_is_refused(changes: object) -> None:
    assert refusal(changed(FILE, changes=changes), public(NEW)) == "malformed"


def test_a_huge_file_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signed_list, "parsed", lambda _text: pytest.fail("parsed"))
    assert refusal(b" " * (signed_list.MAX_BYTES + 1)) == "too_large"
