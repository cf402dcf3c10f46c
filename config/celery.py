"""The Celery app: `celery -A config worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("gigarouter")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# By name: it needs Django's app registry, which is ready only when a worker starts.
app.steps["worker"].add("inference.worker.process:Serving")
