"""Mail domains: who stands behind one, and where everybody has a mailbox."""

from disposable_email_domains import blocklist

from catalog.email_addresses import PROVIDERS, mailbox_of

# At these providers everybody has a mailbox: many of one domain say nothing.
LARGE_PROVIDERS = [
    *PROVIDERS,
    "aol.com",
    "free.fr",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "laposte.net",
    "libero.it",
    "mail.com",
    "mail.ru",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.de",
    "outlook.fr",
    "posteo.de",
    "qq.com",
    "163.com",
    "126.com",
    "t-online.de",
    "tuta.com",
    "web.de",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yandex.ru",
    "ymail.com",
]
# Below these, as in lab.co.uk, a country's registry sells names one level deeper.
REGISTRY_LABELS = {"ac", "co", "com", "edu", "go", "gov", "ne", "net", "or", "org"}
COUNTRY_LENGTH = 2


def is_disposable(domain: str) -> bool:
    """Whether the domain, or one above it, is known for mailboxes that are thrown away.

    >>> is_disposable("mailinator.com"), is_disposable("a.mailinator.com"), is_disposable("com")
    (True, True, False)
    """
    # The list has the domain, mail goes to names below it, too.
    parts = domain.split(".")
    return any(".".join(parts[start:]) in blocklist for start in range(len(parts) - 1))


def owner_of(email: str) -> str:
    """The domain that somebody has registered: whoever has one has all names below it.

    By the shape of country domains and not by the public suffix list, which is large and changes:
    where the shape misleads, strangers share a bound and wait for the operator.

    >>> owner_of("a@x.lab.example"), owner_of("a@cs.lab.ac.uk"), owner_of("a@googlemail.com")
    ('lab.example', 'lab.ac.uk', 'gmail.com')
    """
    parts = mailbox_of(email).rpartition("@")[2].rstrip(".").split(".")
    is_deeper = len(parts[-1]) == COUNTRY_LENGTH and parts[-2:-1] and parts[-2] in REGISTRY_LABELS
    return ".".join(parts[-3:] if is_deeper else parts[-2:])
