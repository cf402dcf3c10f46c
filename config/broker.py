"""The broker's address as Celery has to be told it, and a mend of what kombu does with Valkey."""

from urllib.parse import parse_qs, urlsplit, urlunsplit

from kombu.transport import redis, virtual


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


class QoS(redis.QoS):
    """Which messages a worker holds: one whose acknowledgement has failed is none of them.

    kombu goes on counting it, and Celery only logs the error. If the broker was away just then and
    is back before the worker looks, a worker with a prefetch count of 1 takes no message any more:
    seen for five minutes, with 1,600 jobs waiting. The broker itself gives such a message to
    somebody else after the visibility timeout.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        finally:
            virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        finally:
            virtual.QoS.ack(self, delivery_tag)
