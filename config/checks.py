"""What must hold of the front door's settings on a real site: `manage.py check --deploy`.

What a site must not even start with is refused by config.strictness.
"""

from ipaddress import ip_network
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error

from config.watching import reporting

# Networks with shorter prefixes hold strangers: 10.0.0.0/8 is the largest private one.
SHORTEST_PREFIX = {4: 8, 6: 7}
LONGEST_KEEP_ALIVE_S = 600


def proxies_are_ours(**_: Any) -> list[CheckMessage]:
    networks = [ip_network(network.strip()) for network in settings.TRUSTED_PROXIES]
    wide = [str(each) for each in networks if each.prefixlen < SHORTEST_PREFIX[each.version]]
    if not wide:
        return []
    return [
        Error(
            f"TRUSTED_PROXIES holds strangers' addresses: {', '.join(wide)}.",
            hint="Anybody there can claim any address. Name only your own proxies.",
            id="config.E001",
        )
    ]


def connections_have_bounds(**_: Any) -> list[CheckMessage]:
    most, per_address = settings.HTTP_CONNECTIONS, settings.HTTP_CONNECTIONS_PER_ADDRESS
    if most < 1 or per_address < 1:
        return [
            Error(
                "HTTP_CONNECTIONS or HTTP_CONNECTIONS_PER_ADDRESS lets nobody in.",
                id="config.E002",
            )
        ]
    if per_address < most:
        return []
    return [
        checks.Warning(
            "One network address may take all connections.",
            hint="Set HTTP_CONNECTIONS_PER_ADDRESS to a small part of HTTP_CONNECTIONS.",
            id="config.W001",
        )
    ]


def times_have_bounds(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not 1 <= settings.HTTP_KEEP_ALIVE_S <= LONGEST_KEEP_ALIVE_S:
        hint = f"Set HTTP_KEEP_ALIVE_S to 1 to {LONGEST_KEEP_ALIVE_S}."
        found.append(
            checks.Warning("Idle connections stay open too long.", hint=hint, id="config.W002")
        )
    if settings.BODY_MIN_BYTES_PER_S < 1:
        hint = "Set BODY_MIN_BYTES_PER_S to 1 or more; 1000 is a very slow phone."
        found.append(checks.Warning("A body may take for ever.", hint=hint, id="config.W003"))
    return found


def preloading_is_possible(**_: Any) -> list[CheckMessage]:
    if not settings.HSTS_PRELOAD or settings.HTTPS:
        return []
    return [checks.Warning("HSTS_PRELOAD has no effect with HTTPS=0.", id="config.W004")]


def operator_is_named(**_: Any) -> list[CheckMessage]:
    if settings.OPERATOR_NAME and settings.CONTACT_EMAIL:
        return []
    hint = "Set OPERATOR_NAME and CONTACT_EMAIL; most countries require both."
    return [checks.Warning("/contact/ names nobody.", hint=hint, id="config.W006")]


def contact_can_be_written_to(**_: Any) -> list[CheckMessage]:
    contact = settings.SECURITY_CONTACT
    is_address = "@" in contact.removeprefix("mailto:") and "://" not in contact
    is_fit = not contact or is_address or contact.startswith("https://")
    if is_fit and not any(letter.isspace() for letter in contact):
        return []
    hint = "Set SECURITY_CONTACT to an e-mail address, or to a page with https://."
    return [checks.Warning("security.txt names no contact.", hint=hint, id="config.W005")]


def reports_can_be_sent(**_: Any) -> list[CheckMessage]:
    return [
        Error(
            f"{reporting.VARIABLES[setting]} has no effect: {', '.join(modules)} is missing.",
            hint=reporting.HOW_TO_INSTALL,
            id="config.E003",
        )
        for setting, modules in reporting.missing_packages().items()
    ]


DEPLOY_CHECKS = (
    proxies_are_ours,
    connections_have_bounds,
    times_have_bounds,
    preloading_is_possible,
    contact_can_be_written_to,
    operator_is_named,
    reports_can_be_sent,
)
