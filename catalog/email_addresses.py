"""One mailbox has many spellings; what counts once per person must see through them."""

from dataclasses import dataclass

from django.conf import settings
from django.utils.crypto import salted_hmac


@dataclass(frozen=True)
class Habits:
    """How a mail provider reads the part before the @."""

    host: str  # the name that all its names stand for
    ignores_dots: bool = False


GMAIL = Habits("gmail.com", ignores_dots=True)
PROTON = Habits("proton.me", ignores_dots=True)
ICLOUD = Habits("icloud.com")
# Providers where everybody can write name+anything@: each such address is the same mailbox.
PLUS_TAGS = {
    "gmail.com": GMAIL,
    "googlemail.com": GMAIL,
    "proton.me": PROTON,
    "protonmail.com": PROTON,
    "pm.me": PROTON,
    "icloud.com": ICLOUD,
    "me.com": ICLOUD,
    "mac.com": ICLOUD,
} | {
    host: Habits(host)
    for host in ["fastmail.com", "hey.com", "hotmail.com", "live.com", "outlook.com", "zoho.com"]
}


def address(email: str) -> str:
    """The mailbox behind an address. Elsewhere a dot or a plus may be somebody else: kept.

    >>> address("A.da+news@GoogleMail.com"), address("Ada+news@lab.example")
    ('ada@gmail.com', 'ada+news@lab.example')
    """
    name, _, host = email.strip().lower().rpartition("@")
    habits = PLUS_TAGS.get(host.rstrip("."))
    if habits is None:
        return f"{name}@{host}"
    name = name.partition("+")[0]
    return f"{name.replace('.', '') if habits.ignores_dots else name}@{habits.host}"


def fingerprint(email: str) -> str:
    """64 hexadecimal digits that recognise a mailbox, and name nobody.

    Keyed with SECRET_KEY, because addresses can be guessed and a bare hash of one looked up. After
    a change of that key a person who deletes the account could get the welcome credit, and vote
    for the same models, again.
    """
    # By this salt credit is known that was given when the module was still one of `accounts`.
    keyed = salted_hmac("accounts.mailbox", address(email), settings.SECRET_KEY, algorithm="sha256")
    return keyed.hexdigest()
