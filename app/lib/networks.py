"""Truncate network addresses to about a customer's assignment."""

import ipaddress

IPV4_PREFIX, IPV6_PREFIX = 24, 56
# Largest assignment to one customer (RFC 6177, 2).
WIDE_IPV6_PREFIX = 48

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def stored_network(network: Network) -> Network:
    """The stored network: the surrounding /24 or /56, or itself if wider."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped and network.prefixlen >= 96:
        network = ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}", strict=False)
    narrowest = IPV4_PREFIX if network.version == 4 else IPV6_PREFIX
    return network.supernet(new_prefix=narrowest) if network.prefixlen > narrowest else network


def wide_of(network: Network) -> Network | None:
    """The surrounding /48 of an IPv6 network; None for IPv4."""
    kept = stored_network(network)
    return (
        kept.supernet(new_prefix=WIDE_IPV6_PREFIX) if kept.version == 6 and kept.prefixlen > WIDE_IPV6_PREFIX else None
    )
