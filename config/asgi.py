"""The ASGI application that uvicorn serves: the API, and Django's pages beside it."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from config.middleware.body_limit import BodyLimit
from config.routing import Mounts

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

pages = BodyLimit(
    get_asgi_application(),  # type: ignore[arg-type]  # asgiref types scopes more narrowly
    max_bytes=settings.MAX_BODY_BYTES,
)

# Models can be imported only now that Django is set up.
from inference.api.app import PREFIXES, build  # noqa: E402

# The API caps bodies itself, and says so in JSON.
application = Mounts(
    api=build(),  # type: ignore[arg-type]
    api_prefixes=PREFIXES,
    pages=pages,
)
