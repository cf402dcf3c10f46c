"""The ASGI application that uvicorn serves."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

from config.body_limit import BodyLimit

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = BodyLimit(
    get_asgi_application(),  # type: ignore[arg-type]  # asgiref types scopes more narrowly
    max_bytes=settings.MAX_BODY_BYTES,
)
