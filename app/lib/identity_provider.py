"""An OpenID Connect provider as its client sees it: discovery, the code flow with PKCE, keys, user info."""

import base64
import hashlib
import logging
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from time import monotonic
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlencode, urlsplit

from joserfc.jwk import KeySet

from app.lib import clock, http_client, id_token
from app.lib.http_client import Answer, NoAnswer
from app.lib.id_token import NotVerified, UnknownKey

log = logging.getLogger(__name__)

AGENT = "Kaiwa"
SECONDS = 5  # of one request; a log-in makes up to four
METADATA_LASTS_S = 3600
KEYS_LAST_S = 600
# After a failure, so that a provider that is away does not occupy a thread for each log-in.
RETRY_S = 10
# For unknown keys.
RENEW_S = 10
LONGEST_URL = 2_000
LONGEST_CODE = 4_000
CODE = re.compile(r"[a-z_]{1,40}")
# Only the ID token tells how and when someone logged in: user info is about the person.
ABOUT_LOG_IN = ("amr", "acr", "auth_time")

T = TypeVar("T")


@dataclass(frozen=True)
class Client:
    """Our registration at the provider. `private`: its host may be in a private network."""

    issuer: str
    id: str
    secret: str = field(repr=False)
    scopes: str
    private: bool


@dataclass(frozen=True)
class Metadata:
    """OpenID Connect Discovery 1.0, 3."""

    authorization: str
    token: str
    keys: str
    user_info: str
    end_session: str
    takes_basic: bool
    # Answers name the issuer (RFC 9207).
    names_issuer: bool


class Provider:
    """Documents of the provider are kept for a while in each process."""

    def __init__(self, client: Client):
        self.client = client
        self._metadata = _Kept(self._discover, METADATA_LASTS_S)
        self._keys = _Kept(self._fetch_keys, KEYS_LAST_S)

    @property
    def metadata(self) -> Metadata:
        """Raises NoAnswer."""
        return self._metadata.get()

    def check(self) -> None:
        """Raises NoAnswer if its description or its keys cannot be read."""
        self._keys.get()

    def start(self, *, state: str, nonce: str, verifier: str, redirect: str, **more: str) -> str:
        """The address at the provider that a log-in begins at. Raises NoAnswer."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": self.client.id, "redirect_uri": redirect, "scope": self.client.scopes,
            "state": state, "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        return _with_query(self.metadata.authorization, asked | more)

    def leave(self, back: str) -> str:
        """The address that ends the log-in at the provider; '' if there is none. Raises NoAnswer."""
        end = self.metadata.end_session
        return _with_query(end, {"client_id": self.client.id, "post_logout_redirect_uri": back}) if end else ""

    def check_issuer(self, named: str | None) -> None:
        """Raises NotVerified for an answer of another provider (mix-up; RFC 9207)."""
        if named != self.client.issuer and (named is not None or self.metadata.names_issuer):
            raise NotVerified("the answer names another issuer")

    def redeem(self, code: str, *, nonce: str, verifier: str, redirect: str, wanted: Collection[str]) -> dict[str, Any]:
        """The verified claims about who logged in. Raises NoAnswer, and NotVerified.

        The provider is asked for its user info only if the ID token lacks some of the `wanted` claims.
        """
        if not 0 < len(code) <= LONGEST_CODE:
            raise NotVerified("not a code")
        tokens = self._tokens(code, verifier, redirect)
        claims = self._verified(str(tokens.get("id_token", "")), nonce)
        access = tokens.get("access_token")
        if self.metadata.user_info and isinstance(access, str) and not set(wanted) <= set(claims):
            claims = self._with_user_info(claims, access)
        return claims

    def _tokens(self, code: str, verifier: str, redirect: str) -> dict[str, Any]:
        fields = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier,
        }  # fmt: skip
        headers = {"Accept": "application/json"}
        if self.client.secret and self.metadata.takes_basic:
            headers["Authorization"] = f"Basic {self._credentials()}"
        else:
            fields["client_id"] = self.client.id
            fields |= {"client_secret": self.client.secret} if self.client.secret else {}
        limits: dict[str, Any] = {"seconds": SECONDS, "private": self.client.private}
        answer = http_client.post_form(self.metadata.token, fields, AGENT, headers=headers, **limits)
        return _object(answer, "token")

    def _credentials(self) -> str:
        """RFC 6749, 2.3.1."""
        pair = f"{quote(self.client.id, safe='')}:{quote(self.client.secret, safe='')}"
        return base64.b64encode(pair.encode()).decode()

    def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        about: dict[str, Any] = {
            "issuer": self.client.issuer, "client": self.client.id, "nonce": nonce, "at": clock.now(),
        }  # fmt: skip
        try:
            return id_token.verify(token, self._keys.get(), **about)
        except UnknownKey:
            return id_token.verify(token, self._keys.renew(), **about)

    def _with_user_info(self, claims: dict[str, Any], access: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access}"}
        if not access.isascii() or not access.isprintable():
            raise NotVerified("not an access token")
        told = self._get(self.metadata.user_info, "userinfo", headers)
        # OpenID Connect Core 1.0, 5.3.2: else it may be about another person.
        if told.get("sub") != claims["sub"]:
            raise NotVerified("the user info is about another person")
        return _joined(claims, told)

    def _discover(self) -> Metadata:
        url = f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration"
        told = self._get(url, "discovery")
        if told.get("issuer") != self.client.issuer:
            raise NoAnswer("discovery: it is for another issuer than OIDC_ISSUER")
        methods = told.get("token_endpoint_auth_methods_supported")
        return Metadata(
            authorization=self._url(told, "authorization_endpoint"),
            token=self._url(told, "token_endpoint"),
            keys=self._url(told, "jwks_uri"),
            user_info=self._url(told, "userinfo_endpoint", optional=True),
            end_session=self._url(told, "end_session_endpoint", optional=True),
            takes_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
            names_issuer=told.get("authorization_response_iss_parameter_supported") is True,
        )

    def _url(self, told: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
        found = told.get(name)
        if found is None and optional:
            return ""
        if not isinstance(found, str) or not self._may_ask(found):
            raise NoAnswer(f"discovery: {name} is not an https address")
        return found

    def _may_ask(self, url: str) -> bool:
        """Only a provider on this machine may name addresses of this machine."""
        try:
            near = self.client.private or _is_near(self.client.issuer) or not _is_near(url)
            return len(url) <= LONGEST_URL and url.isprintable() and http_client.is_allowed(url) and near
        except ValueError:
            return False

    def _fetch_keys(self) -> KeySet:
        return id_token.keys_of(self._get(self.metadata.keys, "keys"))

    def _get(self, url: str, what: str, more: Mapping[str, str] | None = None) -> dict[str, Any]:
        headers = {"User-Agent": AGENT, "Accept": "application/json", **(more or {})}
        return _object(http_client.get(url, headers, seconds=SECONDS, private=self.client.private), what)


@lru_cache(maxsize=4)
def provider_of(client: Client) -> Provider:
    return Provider(client)


class _Kept(Generic[T]):
    """A document of the provider; of threads that want it at once, one fetches it."""

    def __init__(self, fetch: Callable[[], T], lasts_s: float):
        self._fetch = fetch
        self._lasts_s = lasts_s
        self._lock = threading.Lock()
        self._value: T | None = None
        self._fetched_at = 0.0
        self._trouble = ""

    def get(self) -> T:
        return self._not_older_than(self._lasts_s)

    def renew(self) -> T:
        """Fetch it again, at most every few seconds."""
        return self._not_older_than(RENEW_S)

    def _not_older_than(self, seconds: float) -> T:
        with self._lock:
            age = monotonic() - self._fetched_at
            if self._trouble and age < RETRY_S:
                raise NoAnswer(self._trouble)
            if self._value is None or self._trouble or age >= seconds:
                self._value = self._renewed()
            return self._value

    def _renewed(self) -> T:
        try:
            value, self._trouble = self._fetch(), ""
        except NoAnswer as no:
            self._trouble = str(no) or "no answer"
            raise
        finally:
            self._fetched_at = monotonic()
        return value


def _joined(claims: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Claims of the ID token, and what the user info has beyond them."""
    both = {name: value for name, value in told.items() if name not in ABOUT_LOG_IN} | claims
    # Whether an address is verified is said beside it: it may be another address there.
    address = told if "email" not in claims else claims
    if told.get("email") != both.get("email") or address is told:
        both["email_verified"] = address.get("email_verified")
    return both


def _object(answer: Answer, what: str) -> dict[str, Any]:
    try:
        told = id_token.parsed(answer.body)
    except ValueError as trouble:
        raise NoAnswer(f"{what}: {answer.status} without JSON") from trouble
    if answer.status != 200:
        raise NoAnswer(f"{what}: {answer.status} {error_code(told.get('error'))}")
    return told


def error_code(given: Any) -> str:
    """An error code of OAuth 2.0, which may be logged; '' for any other text."""
    return given if isinstance(given, str) and CODE.fullmatch(given) else ""


def _is_near(url: str) -> bool:
    return urlsplit(url).hostname in http_client.LOOPBACK


def _with_query(url: str, fields: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"
