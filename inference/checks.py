"""What must hold of the settings before strangers' jobs are run."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks


def faults_are_off(**_: Any) -> list[checks.CheckMessage]:
    """On a real site nobody may crash a process by writing a file (inference.faults)."""
    if not settings.FAULTS_DIR or settings.DEBUG:
        return []
    hint = "Unset GR_FAULTS; it is for tests on a developer's machine."
    return [checks.Error("Fault points are on.", hint=hint, id="inference.E001")]


def text_cache_has_its_own_server(**_: Any) -> list[checks.CheckMessage]:
    """Text vectors fill their server, and what evicts them would evict messages and limits.

    Workers find it out as well, whatever address leads there, and then use none.
    """
    others = {_server_of(settings.REDIS_URL), _server_of(settings.CELERY_BROKER_URL)}
    is_shared = settings.TEXT_CACHE_URL and _server_of(settings.TEXT_CACHE_URL) in others
    if settings.DEBUG or not is_shared:
        return []
    hint = "Give TEXT_CACHE_URL a server of its own, with maxmemory and allkeys-lru; or unset it."
    return [
        checks.Warning(
            "Text vectors share a server with the broker or the limits, so no worker shares them.",
            hint=hint,
            id="inference.W001",
        )
    ]


def _server_of(url: str) -> str:
    """Without user and database: a server's databases share its memory."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}" if parts.hostname else parts.path
