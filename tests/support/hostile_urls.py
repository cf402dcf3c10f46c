"""URLs that must not be fetched, each for a reason of its own, and what their names resolve to.

Written for this project. Who adds a rule adds its URL here; nothing here may cause a connection.
"""

PUBLIC = "93.184.215.14"
PUBLIC_V6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

# Not the outside world: each is tried as a literal, as the answer for a name, beside a good answer,
# and as where a redirect leads.
INSIDE = [
    "0.0.0.0",  # noqa: S104
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.254",
    "100.64.0.1",  # carriers' NAT
    "100.100.100.200",  # a cloud's metadata
    "100.127.255.254",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.254",
    "168.63.129.16",  # Azure's wire server
    "169.254.0.1",
    "169.254.169.254",  # most clouds' metadata
    "169.254.170.2",  # containers' credentials
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.1",
    "192.0.0.192",  # a cloud's metadata
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.254",
    "198.18.0.1",
    "198.19.255.254",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # IPv4-compatible, long deprecated
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:93.184.215.14",  # mapped: refused whatever is inside
    "::ffff:0:127.0.0.1",  # translated
    "64:ff9b::7f00:1",  # NAT64
    "64:ff9b::5db8:d70e",
    "64:ff9b:1::a00:1",  # local NAT64
    "100::1",  # discard
    "2001::1",  # Teredo
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:2::1",  # benchmarks
    "2001:10::1",  # ORCHID
    "2001:20::1",
    "2001:db8::1",  # documentation
    "2002:7f00:1::1",  # 6to4
    "2002:a00:1::",
    "2002:5db8:d70e::1",
    "3fff::1",
    "5f00::1",  # segment routing
    "fc00::1",
    "fd00:ec2::254",  # a cloud's metadata
    "fd12:3456:789a::1",
    "fe80::1",
    "febf::1",
    "fec0::1",  # site-local
    "feff::1",
    "ff02::1",
    "ff0e::1",
    "2606:2800:21f:cb07:0:5efe:a00:1",  # ISATAP
    "2606:2800:21f:cb07:200:5efe:7f00:1",
]


def literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def name_of(address: str) -> str:
    """A name that resolves to it."""
    return f"inside-{INSIDE.index(address)}.rebind.example"


NAMES: dict[str, list[str]] = {
    "good.example": [PUBLIC],
    "six.example": [PUBLIC_V6],
    "both.example": [PUBLIC_V6, PUBLIC],
    "nothing.example": [],
    "localhost.localdomain": ["127.0.0.1", "::1"],
    "localtest.example": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "postgres.internal": ["10.1.2.3"],
    "scoped.example": ["fe80::1%eth0"],
    "garbage.example": ["not an address"],
    "last-is-bad.example": [PUBLIC, PUBLIC_V6, "10.0.0.1"],
    "first-is-bad.example": ["127.0.0.1", PUBLIC],
    **{name_of(each): [each] for each in INSIDE},
    **{f"mixed-{name_of(each)}": [PUBLIC, each] for each in INSIDE},
}

LITERALS = [f"https://{literal(each)}/cat.jpg" for each in INSIDE]
REBOUND = [f"https://{name_of(each)}/cat.jpg" for each in INSIDE]
MIXED = [f"https://mixed-{name_of(each)}/cat.jpg" for each in INSIDE]

SPELLINGS = [
    # Other ways to write 127.0.0.1 and 169.254.169.254, which some resolvers read.
    "https://2130706433/cat.jpg",
    "https://0x7f000001/cat.jpg",
    "https://0x7F.1/cat.jpg",
    "https://017700000001/cat.jpg",
    "https://0177.0.0.1/cat.jpg",
    "https://0177.0.0.01/cat.jpg",
    "https://127.1/cat.jpg",
    "https://127.0.1/cat.jpg",
    "https://127.0.0.01/cat.jpg",
    "https://127.0x0.0.1/cat.jpg",
    "https://127.0.0.0x1/cat.jpg",
    "https://127.0.0.1./cat.jpg",
    "https://2852039166/cat.jpg",
    "https://0xa9fea9fe/cat.jpg",
    "https://0251.0376.0251.0376/cat.jpg",
    "https://169.254.43518/cat.jpg",
    "https://4294967297/cat.jpg",
    "https://256.256.256.256/cat.jpg",
    "https://1.2.3.4.5/cat.jpg",
    "https://0/cat.jpg",
    "https://00000000000000000000177.1/cat.jpg",
    "https://①②⑦.⓪.⓪.①/cat.jpg",
    "https://127。0。0。1/cat.jpg",
    "https://127．0．0．1/cat.jpg",
    "https://127｡0｡0｡1/cat.jpg",
    "https://１２７.0.0.1/cat.jpg",
    "https://%31%32%37.0.0.1/cat.jpg",
    "https://127%2e0%2e0%2e1/cat.jpg",
    "https://[0:0:0:0:0:0:0:1]/cat.jpg",
    "https://[0000::0001]/cat.jpg",
    "https://[::ffff:7f00:1]/cat.jpg",
    "https://[::FFFF:127.0.0.1]/cat.jpg",
    "https://[fe80::1%25eth0]/cat.jpg",
    "https://[fe80::1%eth0]/cat.jpg",
    "https://[::1%25lo]/cat.jpg",
    "https://[v1.fe80::a]/cat.jpg",
    "https://[127.0.0.1]/cat.jpg",
    "https://[::1/cat.jpg",
    "https://::1]/cat.jpg",
    "https://::1/cat.jpg",
    "https://[]/cat.jpg",
    "https://[::1].good.example/cat.jpg",
    "https://good.example[::1]/cat.jpg",
]

INSIDE_NAMES = [
    "https://localhost/cat.jpg",
    "https://LOCALHOST/cat.jpg",
    "https://localhost./cat.jpg",
    "https://ⓛocalhost/cat.jpg",
    "https://localhost.localdomain/cat.jpg",
    "https://localtest.example/cat.jpg",
    "https://LocalTest.Example/cat.jpg",
    "https://localtest.example./cat.jpg",
    "https://metadata/cat.jpg",
    "https://metadata.google.internal/computeMetadata/v1/",
    "https://postgres/cat.jpg",
    "https://postgres.internal/cat.jpg",
    "https://scoped.example/cat.jpg",
    "https://garbage.example/cat.jpg",
    "https://last-is-bad.example/cat.jpg",
    "https://first-is-bad.example/cat.jpg",
    "https://nothing.example/cat.jpg",
    "https://unknown.example/cat.jpg",
    "https://.good.example/cat.jpg",
    "https://good..example/cat.jpg",
    "https://-good.example/cat.jpg",
    "https://good-.example/cat.jpg",
    "https://good.example./cat.jpg",
    f"https://{'a' * 64}.example/cat.jpg",
    f"https://{'a.' * 127}example/cat.jpg",
    "https://gööd.example/cat.jpg",
    "https://good.exam\u00adple/cat.jpg",
    "https://good\u200b.example/cat.jpg",
]

AUTHORITIES = [
    "https://good.example@127.0.0.1/cat.jpg",
    "https://user@good.example/cat.jpg",
    "https://user:password@good.example/cat.jpg",
    "https://@good.example/cat.jpg",
    "https://:@good.example/cat.jpg",
    "https://127.0.0.1:443@good.example/cat.jpg",
    "https://good.example:443@127.0.0.1:443/cat.jpg",
    "https://good.example#@127.0.0.1@/cat.jpg@x".replace("#", "%23"),
    "https://good.example%40127.0.0.1/cat.jpg",
    "https://good.example\\@127.0.0.1/cat.jpg",
    "https://127.0.0.1\\@good.example/cat.jpg",
    "https://good.example\\.localtest.example/cat.jpg",
    "https:\\\\good.example\\cat.jpg",
    "https:///cat.jpg",
    "https:////good.example/cat.jpg",
    "https:/good.example/cat.jpg",
    "https:good.example/cat.jpg",
    "https://",
    "https://?x=good.example",
    "https://#good.example",
    "//good.example/cat.jpg",
    "/cat.jpg",
    "good.example/cat.jpg",
    "",
    "https://good.example,localtest.example/cat.jpg",
    "https://good.example;localtest.example/cat.jpg",
    "https://good.example&localtest.example/cat.jpg",
    "https://good.example|localtest.example/cat.jpg",
    "https://*.example/cat.jpg",
    "https://$(id).example/cat.jpg",
]

PORTS = [
    "https://good.example:22/cat.jpg",
    "https://good.example:25/cat.jpg",
    "https://good.example:5432/cat.jpg",
    "https://good.example:6379/cat.jpg",
    "https://good.example:8000/cat.jpg",
    "https://good.example:8443/cat.jpg",
    "https://good.example:0/cat.jpg",
    "https://good.example:65536/cat.jpg",
    "https://good.example:65979/cat.jpg",  # 443 + 65,536
    "https://good.example:-443/cat.jpg",
    "https://good.example:+443/cat.jpg",
    "https://good.example: 443/cat.jpg",
    "https://good.example:443:443/cat.jpg",
    "https://good.example:4４3/cat.jpg",
    "https://good.example:443x/cat.jpg",
    "https://good.example:0x1bb/cat.jpg",
    "https://good.example:000443/cat.jpg",
    "https://localtest.example:443/cat.jpg",
    "https://127.0.0.1:443/cat.jpg",
    "https://[::1]:443/cat.jpg",
    "https://[::1]:80/cat.jpg",
]

SCHEMES = [
    "http://good.example/cat.jpg",
    "HTTP://good.example/cat.jpg",
    "ftp://good.example/cat.jpg",
    "file:///etc/passwd",
    "file://good.example/etc/passwd",
    "gopher://good.example:443/_GET",
    "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)",
    "jar:https://good.example/cat.jar!/cat.jpg",
    "ldap://good.example/",
    "dict://good.example:443/d:cat",
    "tftp://good.example/cat.jpg",
    "ws://good.example/cat.jpg",
    "wss://good.example/cat.jpg",
    "unix:///var/run/docker.sock",
    "https+unix://good.example/cat.jpg",
    "httpss://good.example/cat.jpg",
    "ｈttps://good.example/cat.jpg",
    "blob:https://good.example/cat.jpg",
    "view-source:https://good.example/cat.jpg",
]

CHARACTERS = [
    " https://good.example/cat.jpg",
    "https://good.example/cat.jpg ",
    "https://good.example/a cat.jpg",
    "https://good.example /cat.jpg",
    "https ://good.example/cat.jpg",
    "https://good.example/\tcat.jpg",
    "ht\ntps://good.example/cat.jpg",
    "https://good.example/cat.jpg\r\nHost: localtest.example",
    "https://good.example/cat.jpg\nX-Evil: 1",
    "https://good.example\r\n/cat.jpg",
    "https://good.example/\x00cat.jpg",
    "https://good.example\x00.localtest.example/cat.jpg",
    "https://good.example/\x7fcat.jpg",
    "https://good.example/\x0bcat.jpg",
    "https://good.example/a\u00a0cat.jpg",
    "https://good.example/a\u2028cat.jpg",
    "https://good.example/a\u3000cat.jpg",
    "https://good.example/\x85cat.jpg",
    "https://good.example/\ud800cat.jpg",
    "https://good.example/..\\cat.jpg",
    "https://good.example/" + "a" * 2048,
    "https://good.example/?" + "a" * 20_000,
    "\x01https://good.example/cat.jpg",
    "\ufeffhttps://good.example/cat.jpg",
]

HOSTILE = [
    *LITERALS,
    *REBOUND,
    *MIXED,
    *SPELLINGS,
    *INSIDE_NAMES,
    *AUTHORITIES,
    *PORTS,
    *SCHEMES,
    *CHARACTERS,
]
