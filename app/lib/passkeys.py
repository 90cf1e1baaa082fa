"""Passkeys (WebAuthn Level 3): what browsers are asked, and whether their answers are right.

Host and origin come from PUBLIC_URL alone, never from a request. A passkey must verify its user, by a PIN or
biometrics: it is then two factors by itself.
"""

import ipaddress
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

import webauthn
from cryptography.exceptions import UnsupportedAlgorithm
from flask import current_app
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

# How long a challenge is accepted.
LASTS = timedelta(minutes=5)
# Characters of a browser's answer; real ones have one to four thousand.
LONGEST = 16_000
CHALLENGE_BYTES = 32
# Of an unknown passkey, so that it costs the same work: an ES256 key whose private half was deleted.
DUMMY_KEY = base64url_to_bytes(
    "pQECAyYgASFYIIfUyT_EUitupFNda6OzZNoTHIckZ4sX21U7UF9Fs5WTIlgg4mjf-cjC6N8-Wopgm5fU642fLnxr3oL4oBS97vS0q5A"
)
# Of the library, for input that a browser would not send.
MALFORMED = (
    WebAuthnException, UnsupportedAlgorithm, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
    RecursionError,
)  # fmt: skip

T = TypeVar("T")


class BadPasskey(ValueError):
    """The answer is malformed, forged, or for another challenge, host or passkey."""


@dataclass(frozen=True)
class Created:
    """A new passkey; id and key in base64url."""

    credential_id: str
    public_key: str
    sign_count: int


@dataclass(frozen=True)
class Asserted:
    """An answer at log-in, not verified yet; in base64url."""

    credential_id: str
    user_handle: str | None
    answer: dict[str, Any]


def host() -> str:
    """The host of PUBLIC_URL; '' if browsers have no passkeys there: they need https and a name (WebAuthn, 5.1.2)."""
    parts = urlsplit(current_app.config["PUBLIC_URL"])
    name = parts.hostname or ""
    local = name == "localhost" or name.endswith(".localhost")
    return name if (parts.scheme == "https" or local) and not _is_address(name) else ""


def origin() -> str:
    parts = urlsplit(current_app.config["PUBLIC_URL"])
    return f"{parts.scheme}://{parts.netloc}"


def options_to_create(
    challenge: bytes, *, user_handle: str, account: str, name: str, known: Collection[str]
) -> dict[str, Any]:
    """Options of `navigator.credentials.create()`; `known` are ids of passkeys that the account has."""
    options = webauthn.generate_registration_options(
        rp_id=host(),
        rp_name="Kaiwa",
        user_id=base64url_to_bytes(user_handle),
        user_name=account,
        user_display_name=name,
        challenge=challenge,
        timeout=int(LASTS.total_seconds() * 1000),
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_descriptors(known),
    )
    return _as_dict(options)


def options_to_get(challenge: bytes, known: Collection[str] = ()) -> dict[str, Any]:
    """Options of `navigator.credentials.get()`; without `known`, the browser offers every account."""
    options = webauthn.generate_authentication_options(
        rp_id=host(),
        challenge=challenge,
        timeout=int(LASTS.total_seconds() * 1000),
        allow_credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _as_dict(options)


def created(text: str, challenge: bytes) -> Created:
    """Verify the answer of `create()`. Raises BadPasskey."""
    answer = _parsed(text)
    return _checked(lambda: _created(answer, challenge))


def read(text: str) -> Asserted:
    """Parse the answer of `get()`. Raises BadPasskey."""
    answer = _parsed(text)
    return _checked(lambda: _read(answer))


def verify(asserted: Asserted, challenge: bytes, *, public_key: str, sign_count: int) -> int:
    """Verify the answer with the passkey's key and last counter; return the new counter. Raises BadPasskey."""
    return _checked(lambda: _verified(asserted.answer, challenge, base64url_to_bytes(public_key), sign_count))


def verify_nothing(asserted: Asserted, challenge: bytes) -> None:
    """The work of `verify`, for an unknown passkey. Raises BadPasskey."""
    _checked(lambda: _verified(asserted.answer, challenge, DUMMY_KEY, 0))
    raise BadPasskey("unknown passkey")


def _created(answer: dict[str, Any], challenge: bytes) -> Created:
    _refuse_certificates(answer)
    found = webauthn.verify_registration_response(
        credential=answer,
        expected_challenge=challenge,
        expected_rp_id=_known_host(),
        expected_origin=origin(),
        require_user_verification=True,
    )
    # The library looks at the key for the first time when it is used.
    decoded_public_key_to_cryptography(decode_credential_public_key(found.credential_public_key))
    id, key = bytes_to_base64url(found.credential_id), bytes_to_base64url(found.credential_public_key)
    if id != answer["id"]:
        raise BadPasskey("another id than that of the key")
    return Created(id, key, found.sign_count)


def _refuse_certificates(answer: dict[str, Any]) -> None:
    """No attestation is asked for. Certificates would be parsed for nothing."""
    given = parse_attestation_object(base64url_to_bytes(answer["response"]["attestationObject"]))
    if given.fmt not in (AttestationFormat.NONE, AttestationFormat.PACKED) or given.att_stmt.x5c:
        raise BadPasskey("attestation with a certificate")


def _read(answer: dict[str, Any]) -> Asserted:
    id, handle = answer["id"], answer["response"].get("userHandle")
    if not isinstance(id, str) or not isinstance(handle, str | None):
        raise BadPasskey("no passkey")
    return Asserted(id, handle, answer)


def _verified(answer: dict[str, Any], challenge: bytes, public_key: bytes, sign_count: int) -> int:
    found = webauthn.verify_authentication_response(
        credential=answer,
        expected_challenge=challenge,
        expected_rp_id=_known_host(),
        expected_origin=origin(),
        credential_public_key=public_key,
        credential_current_sign_count=sign_count,
        require_user_verification=True,
    )
    return found.new_sign_count


def _known_host() -> str:
    if not (name := host()):
        raise BadPasskey("PUBLIC_URL has no host for passkeys")
    return name


def _parsed(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise BadPasskey("too long")
    answer = _checked(lambda: json.loads(text))
    if not isinstance(answer, dict):
        raise BadPasskey("no object")
    return answer


def _checked(work: Callable[[], T]) -> T:
    try:
        return work()
    except MALFORMED as trouble:
        raise BadPasskey(str(trouble)) from trouble


def _descriptors(known: Collection[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(each)) for each in known]


def _as_dict(options: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(webauthn.options_to_json(options))
    return made


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
