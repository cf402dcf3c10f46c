"""The broker's address as Celery has to be told it."""

from urllib.parse import parse_qs, urlsplit, urlunsplit


def verified(url: str) -> str:
    """With TLS, the server shows a certificate that belongs to its name, as the cache asks for.

    kombu takes any certificate behind rediss:// unless the address says otherwise; redis-py, which
    the cache uses, takes none but a good one. `ssl_cert_reqs` in the address decides it.

    >>> verified("rediss://:password@valkey.example:6379/0")
    'rediss://:password@valkey.example:6379/0?ssl_cert_reqs=required'
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss" or "ssl_cert_reqs" in parse_qs(parts.query):
        return url
    query = "&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))
    return urlunsplit(parts._replace(query=query))
