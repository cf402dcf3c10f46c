"""The ASGI application: the API, and Django's pages beside it. `config.server` serves it."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

django_pages = get_asgi_application()

# Models and middleware can be imported only now that Django is set up.
from config.middleware.body_limit import BodyLimit, BodyPace  # noqa: E402
from config.middleware.one_host import OneHost  # noqa: E402
from config.middleware.probes import PROBES  # noqa: E402
from config.middleware.proxies import ForwardedHeaders, ProxyNetworks  # noqa: E402
from config.routing import Mounts  # noqa: E402
from config.watching import reporting  # noqa: E402
from config.watching.http import CountRequests  # noqa: E402
from inference.api.app import PREFIXES, build  # noqa: E402

reporting.start("web")

# The API caps bodies itself, and says so in JSON.
mounts = Mounts(
    api=build(),  # type: ignore[arg-type]
    api_prefixes=PREFIXES,
    pages=OneHost(
        BodyLimit(
            django_pages,  # type: ignore[arg-type]  # asgiref types scopes more narrowly
            max_bytes=settings.MAX_BODY_BYTES,
        ),
        but_for=PROBES,
    ),
)
application = CountRequests(
    ForwardedHeaders(
        BodyPace(mounts, min_bytes_per_s=settings.BODY_MIN_BYTES_PER_S),
        ProxyNetworks(settings.TRUSTED_PROXIES),
    )
)
