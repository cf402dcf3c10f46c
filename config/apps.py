"""The project itself as an app: its system checks, and what it tells of its processes."""

from django.apps import AppConfig
from django.core.checks import register
from prometheus_client import REGISTRY

from config import checks
from config.watching.process import ProcessCollector


class ProjectConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        for check in checks.DEPLOY_CHECKS:
            register(check, deploy=True)
        REGISTRY.register(ProcessCollector())
