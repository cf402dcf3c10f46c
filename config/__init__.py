"""Wiring only: settings, addresses, the Celery app, the ASGI application and the way to start them."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
