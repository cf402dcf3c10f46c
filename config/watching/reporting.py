"""Starts, in each process that serves, what reports of it elsewhere: OpenTelemetry and Sentry.

Both are off until a setting names where to report, and come with the extra `watching`. Whatever is
wrong with them is one line of the log: they are no reason not to serve.
"""

import atexit
import logging
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

from django.conf import settings

from config.watching.process import version

log = logging.getLogger(__name__)

HOW_TO_INSTALL = "pip install -c constraints.txt '.[watching]'"
# A setting -> the modules that it needs.
NEEDED = {
    "OTLP_TRACES_URL": ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"),
    "SENTRY_DSN": ("sentry_sdk",),
}
# As operators know them.
VARIABLES = {"OTLP_TRACES_URL": "OTEL_EXPORTER_OTLP_ENDPOINT", "SENTRY_DSN": "SENTRY_DSN"}

_stopping: list[Callable[[], None]] = []


@cache
def start(service: str) -> None:
    """Once a process; `service` says which it is: web, house, worker."""
    for setting, begin in (("OTLP_TRACES_URL", _start_traces), ("SENTRY_DSN", _start_sentry)):
        if not getattr(settings, setting):
            continue
        try:
            begin(service)
        except ImportError:
            log.warning("%s has no effect: %s", VARIABLES[setting], HOW_TO_INSTALL)
        except (ValueError, OSError) as error:  # no such address, no certificate
            log.warning("%s has no effect error=%r", VARIABLES[setting], error)
    if _stopping:
        atexit.register(stop)


def stop() -> None:
    """Send what waits, for some seconds at most. Who is killed by a signal must call it before."""
    while _stopping:
        _stopping.pop()()


def missing_packages() -> dict[str, tuple[str, ...]]:
    """Of the settings that are made: what their packages are, where these are not installed."""
    return {
        setting: modules
        for setting, modules in NEEDED.items()
        if getattr(settings, setting) and not all(map(_is_installed, modules))
    }


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False


def _start_traces(service: str) -> None:
    from config.watching.otlp import Export  # of an extra

    export = Export(settings.OTLP_TRACES_URL, service=service, version=version())
    _stopping.append(export.stop)


def _start_sentry(service: str) -> None:
    from config.watching import sentry  # of an extra

    release = f"gigarouter@{version()}"
    if settings.REVISION:
        release += f"+{settings.REVISION}"
    sentry.start(settings.SENTRY_DSN, environment=settings.SENTRY_ENVIRONMENT, release=release)
    _stopping.append(sentry.stop)
