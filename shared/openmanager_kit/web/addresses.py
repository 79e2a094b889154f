"""Which IP addresses belong to the public Internet: the special-purpose registries, written down.

Not left to `ipaddress.is_global`, whose tables differ between Python releases. Addresses that carry an IPv4 address
inside are judged by it where such addresses are really used (IPv4-mapped, NAT64's well-known prefix), and refused
where they are not (6to4, Teredo, ISATAP, IPv4-compatible, NAT64 for local use).
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(text), what)
    for text, what in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared (carrier NAT)"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "reserved"),
        ("192.52.193.0/24", "reserved"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "reserved"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_PUBLIC_V6 = IPv6Network("2000::/3")
_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(text), what)
    for text, what in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b:1::/48", "NAT64 for local use"),
        ("100::/64", "discard"),
        ("2001::/32", "Teredo"),
        ("2001:db8::/32", "documentation"),
        ("2001::/23", "reserved"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "reserved"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_MAPPED, _NAT64 = IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96")
_ISATAP = (0x00005EFE, 0x02005EFE)


def plain(address: Address) -> Address:
    """Take the IPv4 address out of an IPv4-mapped one: that is where a connection would go."""
    if isinstance(address, IPv6Address) and address in _MAPPED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def parsed(text: str) -> Address:
    """Read an address as a resolver gives it, a zone included.

    Raises
    ------
    ValueError
        If it is none.
    """
    return plain(ip_address(text))


def special_use(address: Address) -> str:
    """Say what an address is reserved for; empty if it is an ordinary public one."""
    address = plain(address)
    if isinstance(address, IPv4Address):
        return next((what for network, what in _V4 if address in network), "")
    if address.scope_id:
        return "link-local"
    if address in _NAT64:
        return special_use(IPv4Address(int(address) & 0xFFFFFFFF))
    named = next((what for network, what in _V6 if address in network), "")
    if named:
        return named
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "ISATAP"
    return "" if address in _PUBLIC_V6 else "reserved"


def networks(written: tuple[str, ...]) -> tuple[Network, ...]:
    """Read ranges as a user writes them: ``10.0.0.0/8``, ``127.0.0.1/8``, ``::1``.

    Raises
    ------
    ValueError
        Naming the first that is none.
    """
    found = (ip_network(text, strict=False) for text in written)
    return tuple(
        IPv4Network((int(one.network_address) & 0xFFFFFFFF, one.prefixlen - 96))
        if isinstance(one, IPv6Network) and one.subnet_of(_MAPPED)
        else one
        for one in found
    )


def is_within(address: Address, allowed: tuple[Network, ...]) -> bool:
    """Tell whether a range that was named holds the address."""
    bare = plain(address)
    return any(bare.version == network.version and bare in network for network in allowed)
