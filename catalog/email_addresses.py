"""E-mail addresses: which spelling is kept, which are equal, and which reach one mailbox."""

from dataclasses import dataclass
from typing import TypeVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Model, QuerySet
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

M = TypeVar("M", bound=Model)

LONGEST = 254  # by RFC 5321, and what the columns hold
NOT_AN_ADDRESS = "That is no e-mail address we can write to. Please look at it again."


def clean(text: str) -> str:
    """What somebody typed, in the spelling that is kept. Raises ValidationError."""
    try:
        email = normalize(text)
    except UnicodeError:
        raise ValidationError(NOT_AN_ADDRESS) from None
    # The database takes a long s for an s when capitals do not matter: one person's code would go
    # to another's mailbox.
    if not email.isascii() or len(email) > LONGEST:
        raise ValidationError(NOT_AN_ADDRESS)
    validate_email(email)
    return email


def normalize(email: str) -> str:
    """The domain in small letters and ASCII; what stands before it is the mailbox's own affair.

    >>> normalize(" Ada@Lab.Example ")
    'Ada@lab.example'
    """
    name, _, domain = email.strip().rpartition("@")
    return f"{name}@{domain.encode('idna').decode().lower()}"


def fold(email: str) -> str:
    """By this two addresses are compared: lower(email), as the unique constraints have it."""
    return email.lower()


def rows_at(rows: QuerySet[M], *emails: str) -> QuerySet[M]:
    """Those whose `email` is one of these, however it is written."""
    # lower(), not __iexact: that would be upper(), which no index serves, and by which more
    # letters are alike than by the constraints' own rule.
    folded = rows.alias(address=Lower("email"))
    return folded.filter(address__in=[fold(email) for email in emails])  # type: ignore[return-value]  # of M: the plugin forgets it


def masked(email: str) -> str:
    """What a page shows that somebody else may open, such as one behind a link that was forwarded.

    >>> masked("ada@lab.example")
    'a•••@lab.example'
    """
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}•••@{domain}"


@dataclass(frozen=True)
class Provider:
    """How a mail provider reads the part before the @: up to a plus, perhaps without dots."""

    host: str  # the name that all its names stand for
    ignores_dots: bool = False


GMAIL = Provider("gmail.com", ignores_dots=True)
PROTON = Provider("proton.me", ignores_dots=True)
ICLOUD = Provider("icloud.com")
# Those where everybody can write name+anything@: each such address is the same mailbox.
PROVIDERS = {
    "gmail.com": GMAIL,
    "googlemail.com": GMAIL,
    "proton.me": PROTON,
    "protonmail.com": PROTON,
    "pm.me": PROTON,
    "icloud.com": ICLOUD,
    "me.com": ICLOUD,
    "mac.com": ICLOUD,
} | {
    host: Provider(host)
    for host in ["fastmail.com", "hey.com", "hotmail.com", "live.com", "outlook.com", "zoho.com"]
}


def mailbox_of(email: str) -> str:
    """What counts once per person is counted by this.

    >>> mailbox_of("A.da+news@GoogleMail.com"), mailbox_of("Ada+news@lab.example")
    ('ada@gmail.com', 'ada+news@lab.example')
    """
    name, _, host = fold(email.strip()).rpartition("@")
    provider = PROVIDERS.get(host.rstrip("."))
    if provider is None:  # a dot or a plus may be another person here
        return f"{name}@{host}"
    name = name.partition("+")[0]
    return f"{name.replace('.', '') if provider.ignores_dots else name}@{provider.host}"


def fingerprint(email: str) -> str:
    """64 hexadecimal digits that recognize a mailbox, and name nobody.

    Keyed with SECRET_KEY, because addresses can be guessed and a bare hash of one looked up. After
    a change of that key a person who deletes the account could get the welcome credit, and vote
    for the same models, again.
    """
    # The salt is older than this module: credit that was given is known by it.
    keyed = salted_hmac(
        "accounts.mailbox", mailbox_of(email), settings.SECRET_KEY, algorithm="sha256"
    )
    return keyed.hexdigest()
