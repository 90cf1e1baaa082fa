"""Email addresses: validation, and their ASCII form for SMTP."""

import re

import idna
from email_validator import EmailNotValidError, validate_email

from app.lib.normal_form import normalised

LONGEST = 254  # characters (RFC 5321, 4.5.3.1.3, without the angle brackets)
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
DOT_ATOM = re.compile(rf"{ATOM}(?:\.{ATOM})*")
QUOTABLE = re.compile(r"[\x21-\x7e]+")
# Until 2009 these carriers assigned addresses with consecutive dots or a dot before the @; many are still in use.
OLD_CARRIER = re.compile(r"[a-z0-9._-]{1,64}@(?:docomo\.ne\.jp|(?:[a-z0-9]+\.)?ezweb\.ne\.jp)", re.I)


def one_form(address: str) -> str:
    """The spelling that is stored and compared: width folded, the domain in lower case and as A-labels (IDNA).

    Linear; an invalid address may come back as it is.
    """
    folded = address.strip()
    if not folded.isascii():
        folded = normalised("NFKC", folded)
    local, at, domain = folded.rpartition("@")
    if not at or len(folded) > LONGEST:
        return folded
    try:
        return f"{local}@{domain.lower() if domain.isascii() else _a_labels(domain)}"
    except ValueError:
        return folded


def check(address: str, *, private_names: bool = False) -> str:
    """Return the address in one form. Raises ValueError.

    The local part must be ASCII: few mail servers support RFC 6531, and it prevents look-alike addresses.
    `private_names` allows host names of the operator's network.
    """
    if len(address) > LONGEST:
        raise ValueError("address is too long")
    address = one_form(address)
    if OLD_CARRIER.fullmatch(address):
        return address
    try:
        found = validate_email(
            address, check_deliverability=False, allow_smtputf8=False, test_environment=private_names
        )
    except EmailNotValidError as trouble:
        raise ValueError(str(trouble)) from trouble
    return one_form(found.normalized)


def is_ascii_before_at(address: str) -> bool:
    return address.rpartition("@")[0].isascii()


def masked(address: str) -> str:
    """The address without most of its local part, for the audit log: h…@example.org."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}…{at}{domain}"


def on_the_wire(address: str) -> str:
    """The address in ASCII, the domain as A-labels. Raises ValueError."""
    local, at, domain = address.strip().rpartition("@")
    if not at or not domain or not QUOTABLE.fullmatch(local):
        raise ValueError("the part before the @ is not ASCII" if local and at else "not an email address")
    return f"{_local(local)}@{_domain(domain)}"


def _local(local: str) -> str:
    if DOT_ATOM.fullmatch(local) or (local[0] == local[-1] == '"' and len(local) > 1):
        return local
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'


def _domain(domain: str) -> str:
    name = domain if domain.isascii() else _a_labels(domain)
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[[A-Za-z0-9.:]{1,60}\]", name):
        raise ValueError("the part after the @ is not a domain")
    return name


def _a_labels(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as trouble:
        raise ValueError("the part after the @ is not a domain") from trouble
