"""Where a request comes from, as much of it as we keep."""

import ipaddress

from flask import current_app, request

from app.lib import networks
from app.lib.secrets import blind_index
from app.models import Site


def client() -> str:
    """The peer's address; what a proxy says is believed only when the proxy is a trusted one.

    X-Forwarded-For is read from the right: the first address that is not a trusted proxy is the client.
    """
    address = request.remote_addr or "0.0.0.0"  # noqa: S104
    chain = [part.strip() for part in ",".join(request.headers.getlist("X-Forwarded-For")).split(",")]
    while _is_trusted(address) and chain:
        said = chain.pop()
        if not _parsed(said):
            break
        address = said
    return address


def network(address: str) -> str:
    """The /24 or /56 that an address lies in, as text."""
    parsed = _parsed(address) or ipaddress.IPv4Address(0)
    return str(networks.kept_of(ipaddress.ip_network(parsed)))


def wide_index(site: Site, network: str) -> str | None:
    """The blind index of the /48 around an IPv6 network on this site; None for others."""
    wide = networks.wide_of(ipaddress.ip_network(network))
    return blind_index(f"wide network {site.id}", str(wide)) if wide else None


def reader(site: Site, address: str) -> str:
    """The blind index of one reader on this site, as well as strangers can be told apart: an address, or an IPv6 /64.

    What she could change at will, such as the name of her browser, would make many readers of one.
    """
    parsed = _parsed(address) or ipaddress.IPv4Address(0)
    narrowest = ipaddress.ip_network(f"{parsed}/{32 if parsed.version == 4 else 64}", strict=False)
    return blind_index(f"reader {site.id}", str(narrowest))


def _is_trusted(address: str) -> bool:
    parsed = _parsed(address)
    return bool(parsed) and any(parsed in trusted for trusted in current_app.config["TRUSTED_PROXIES"])


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
