"""Which IP addresses belong to the open internet; the rest is ours, or somebody's inside."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# Written out, since what `is_global` says of a network has changed with the releases of Python.
BLOCKED_V4: Sequence[IPv4Network] = [
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; a cloud's metadata, too
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's wire server: public by the books, inside in fact
        "169.254.0.0/16",  # link-local: most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; a cloud's metadata, too
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112: a name server near you
        "192.52.193.0/24",  # AMT relays
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
]
# The only part of IPv6 that is given out. Mapped and translated IPv4 (::ffff:0:0/96, 64:ff9b::/96),
# unique local, link-local, site-local and multicast addresses all lie outside of it.
GLOBAL_UNICAST = IPv6Network("2000::/3")
BLOCKED_V6: Sequence[IPv6Network] = [
    IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, ORCHID, benchmarks and other protocol assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
ISATAP = 0x5EFE  # the middle of an IPv6 address that ends in an IPv4 address


def is_public(address: str) -> bool:
    """Whether an address belongs to the open internet; False for what is no address.

    >>> is_public("93.184.215.14"), is_public("127.0.0.1"), is_public("::ffff:93.184.215.14")
    (True, False, False)
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if not parsed.is_global or parsed.is_multicast:
        return False
    return _is_public_v4(parsed) if isinstance(parsed, IPv4Address) else _is_public_v6(parsed)


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in BLOCKED_V4)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id or address not in GLOBAL_UNICAST:
        return False
    if (int(address) >> 32) & 0xFCFF_FFFF == ISATAP:
        return False
    return not any(address in network for network in BLOCKED_V6)
