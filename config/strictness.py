"""Settings that a real site must not start with."""

from collections.abc import Sequence
from ipaddress import ip_network

from django.core.exceptions import ImproperlyConfigured

MIN_SECRET_CHARACTERS = 50
MIN_DIFFERENT_CHARACTERS = 5
# What `startproject` writes, and those of examples and tutorials.
KNOWN_SECRETS = ("django-insecure-", "changeme", "change-me", "secret", "insecure")


def refuse_weak_secret(secret: str, *, is_development: bool) -> None:
    """Raises ImproperlyConfigured for a key that can be guessed: it signs sessions and links."""
    is_weak = (
        len(secret) < MIN_SECRET_CHARACTERS
        or len(set(secret)) < MIN_DIFFERENT_CHARACTERS
        or secret.lower().startswith(KNOWN_SECRETS)
    )
    if is_weak and not is_development:
        raise ImproperlyConfigured(
            f"SECRET_KEY must have {MIN_SECRET_CHARACTERS} random characters or more. Make one:"
            ' python -c "import secrets; print(secrets.token_urlsafe(64))"'
        )


def refuse_open_hosts(hosts: Sequence[str], *, is_development: bool) -> None:
    """Raises ImproperlyConfigured for patterns that let anybody's host name in, or nobody's."""
    if is_development:
        return
    if not hosts:
        raise ImproperlyConfigured("ALLOWED_HOSTS is empty: name the hosts of this site.")
    for host in hosts:
        # ".com" is every name below it.
        if "*" in host or not host.strip(".") or (host.startswith(".") and "." not in host[1:]):
            raise ImproperlyConfigured(
                f"ALLOWED_HOSTS must name the hosts of this site, not {host!r}:"
                " gigarouter.example, or .gigarouter.example for all below it."
            )


def refuse_unreadable_networks(networks: Sequence[str]) -> None:
    """Raises ImproperlyConfigured for what is no network: a typing mistake would trust nobody."""
    for network in networks:
        try:
            ip_network(network.strip())
        except ValueError as error:
            raise ImproperlyConfigured(
                f"TRUSTED_PROXIES: {error}. Write networks as in 10.0.0.0/8,2001:db8::/32."
            ) from None
