"""Add and revoke the keys with which a publisher's server signs who its members are."""

import secrets

from flask_babel import gettext as _

from app.errors import Refused
from app.extensions import db
from app.lib import assertion
from app.models import MemberKey, Moderator, Site, audit
from app.models.audit import Event, Who
from app.models.member_key import KID, Algorithm

# Valid at once: one in use, the next one, and those of other systems.
MOST = 10


def make_secret(site: Site, *, kid: str = "", by: Moderator | Who) -> tuple[MemberKey, str]:
    """A new key for HS256, and its secret, which is not shown again. Raises Refused (409, 422)."""
    secret = secrets.token_urlsafe(32)
    return _add(site, Algorithm.HS256, secret, kid or secrets.token_hex(4), by), secret


def add_public(site: Site, text: str, *, kid: str = "", by: Moderator | Who) -> MemberKey:
    """A key for EdDSA from its public half, as PEM or JWK. Raises Refused (409, 422)."""
    try:
        pem, named = assertion.public_key(text), assertion.kid_in(text)
    except ValueError as trouble:
        said = _("Paste an Ed25519 public key, as PEM or JWK.")
        raise Refused("bad_key", said, field="public_key") from trouble
    return _add(site, Algorithm.EDDSA, pem, kid or named, by)


def revoke(key: MemberKey, *, by: Moderator | Who) -> None:
    """End a key at once, and all that members were given with it."""
    key.revoke()
    audit.record(Event.MEMBER_KEY_REVOKED, by=by, site=key.site, kid=key.kid)


def _add(site: Site, algorithm: Algorithm, key: str, kid: str, by: Moderator | Who) -> MemberKey:
    if not KID.fullmatch(kid):
        said = _("Use 1 to 64 letters A to Z, digits, dots, hyphens and underscores.")
        raise Refused("bad_kid", said, field="kid")
    if MemberKey.is_taken(site, kid):
        said = _("This site has, or had, a key with this ID. Choose another one.")
        raise Refused("kid_taken", said, status=409, field="kid")
    if len(MemberKey.of_site(site)) >= MOST:
        said = _("This site has %(most)d keys already. Revoke one first.", most=MOST)
        raise Refused("too_many_keys", said, status=409, field="kid")
    made_by = by if isinstance(by, Moderator) else None
    added = MemberKey(site=site, kid=kid, algorithm=algorithm, key=key, made_by=made_by)
    db.session.add(added)
    db.session.flush()
    audit.record(Event.MEMBER_KEY_ADDED, by=by, site=site, kid=kid, algorithm=algorithm.value)
    return added
