"""The network address of a request."""

import ipaddress
from functools import lru_cache

from flask import current_app, request

from app.lib import networks
from app.lib.secrets import blind_index
from app.models import Site
from app.models.report import Reporter

# Headers that proxies add. Only X-Forwarded-For is read; any of them shows that the peer is a proxy.
FORWARDING = (
    "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "X-Client-IP", "True-Client-IP",
    "CF-Connecting-IP", "CDN-Loop", "Forwarded", "Via",
)  # fmt: skip

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def client() -> str:
    """The peer's address; behind trusted proxies, the first one in X-Forwarded-For from the right that is no proxy."""
    address, _ = _resolved()
    return address


def observer() -> Address | None:
    """The client's address for granting access; None if uncertain.

    A forwarded request counts only if each proxy is trusted: otherwise the address of an unknown proxy would let all
    its clients in.
    """
    address, is_certain = _resolved()
    was_forwarded = any(name in request.headers for name in FORWARDING)
    return _parsed(address) if is_certain or not was_forwarded else None


def _resolved() -> tuple[str, bool]:
    """The client's address, and whether all proxies on the way are trusted."""
    address = request.remote_addr or "0.0.0.0"  # noqa: S104
    said = ",".join(request.headers.getlist("X-Forwarded-For"))
    chain = [part.strip() for part in said.split(",")] if said else []
    is_certain = bool(chain) and _is_trusted(address)
    while _is_trusted(address) and chain:
        said = chain.pop()
        if not _parsed(said):
            return address, False
        address = said
    return address, is_certain


# A post asks for each several times.
@lru_cache(maxsize=1024)
def network(address: str) -> str:
    """The surrounding /24 or /56 of an address."""
    parsed = _parsed(address) or ipaddress.IPv4Address(0)
    return str(networks.stored_network(ipaddress.ip_network(parsed)))


@lru_cache(maxsize=1024)
def wide_network(network: str) -> str | None:
    """The surrounding /48 of an IPv6 network; None for IPv4."""
    wide = networks.wide_of(ipaddress.ip_network(network))
    return str(wide) if wide else None


def reporter(site: Site, address: str) -> Reporter:
    """Identify a reporter by the networks that also limit posts, so that owning a whole network does not count as many
    readers."""
    around = network(address)
    wide = wide_network(around)
    return Reporter(
        blind_index(f"reader {site.id}", around), blind_index(f"wide reader {site.id}", wide) if wide else None
    )


def voter(site: Site, address: str) -> str:
    """Identify a voter like a reporter, but all of an IPv6 /48 as one."""
    found = reporter(site, address)
    return found.wide or found.network


@lru_cache(maxsize=1024)
def single(address: str) -> str:
    """An address, for IPv6 its /64: what a single client has."""
    parsed = _parsed(address) or ipaddress.IPv4Address(0)
    return str(ipaddress.ip_network(f"{parsed}/{32 if parsed.version == 4 else 64}", strict=False))


def _is_trusted(address: str) -> bool:
    parsed = _parsed(address)
    return bool(parsed) and any(parsed in trusted for trusted in current_app.config["TRUSTED_PROXIES"])


def _parsed(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket reports IPv4 peers as ::ffff:192.0.2.1.
    return getattr(address, "ipv4_mapped", None) or address
