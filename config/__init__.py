"""Wiring only: settings, addresses, the Celery and ASGI applications, and how they are started."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
