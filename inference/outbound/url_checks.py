"""What a URL must look like before a name is resolved: stricter than any standard."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urlsplit

from inference.outbound.errors import OutboundError

MAX_URL_LENGTH = 2048
PORTS = {"http": 80, "https": 443}
MAX_HOST_LENGTH = 253  # of a name in DNS (RFC 1035)
# A bracketed IPv6 address or a name, perhaps a port. No user info, no percent signs: two parsers
# that disagree about where the host ends are how a check is walked around.
AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
)
LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
NUMBER = re.compile(r"0[xX][0-9A-Fa-f]*|[0-9]+")
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True)
class Target:
    """Where to connect, and what to ask for there; `path` has the query, too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_default_port(self) -> bool:
        return self.port == PORTS[self.scheme]

    @property
    def authority(self) -> str:
        # As it stands in the Host header.
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.is_default_port else f"{host}:{self.port}"

    @property
    def literal(self) -> str:
        """The host, if it is an IP address rather than a name; otherwise nothing."""
        return self.host if ":" in self.host or _is_number(self.host) else ""


def parse(url: str, *, schemes: frozenset[str] = frozenset({"https"})) -> Target:
    """The target of a URL. Raises OutboundError."""
    check_characters(url)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise OutboundError("not a URL") from error
    if parts.scheme not in schemes:
        raise OutboundError("scheme")
    host, port = _host_and_port(parts.netloc, default_port=PORTS[parts.scheme])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, quote(path, safe=PRINTABLE))


def _host_and_port(netloc: str, *, default_port: int) -> tuple[str, int]:
    authority = AUTHORITY.fullmatch(netloc)
    if not authority:
        raise OutboundError("host")
    port = int(authority["port"] or default_port)
    # Other ports belong to other protocols: what we write there could be read as their commands.
    if port not in PORTS.values():
        raise OutboundError("port")
    return _v6(authority["v6"]) if authority["v6"] else _name(authority["name"]), port


def check_characters(url: str) -> None:
    # Before a parser sees it: parsers drop or turn some of these. Raises OutboundError.
    if len(url) > MAX_URL_LENGTH:
        raise OutboundError("longer than 2,048")
    if any(map(_is_forbidden, url)):
        raise OutboundError("white space or backslash")


def _is_forbidden(character: str) -> bool:
    is_surrogate = "\ud800" <= character <= "\udfff"
    return character <= " " or character in "\\\x7f" or character.isspace() or is_surrogate


def _v6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError as error:
        raise OutboundError("host") from error


def _name(text: str) -> str:
    # A name with a dot, or four decimal numbers; other spellings of an address are none.
    labels = text.split(".")
    if len(text) > MAX_HOST_LENGTH or len(labels) == 1 or not all(map(LABEL.fullmatch, labels)):
        raise OutboundError("host")
    if _is_number(text):
        try:
            return str(IPv4Address(text))
        except ValueError as error:
            raise OutboundError("host") from error
    return text.lower()


def _is_number(host: str) -> bool:
    # Whether some program would read an IPv4 address in it: the last label decides.
    return bool(NUMBER.fullmatch(host.rpartition(".")[2]))
