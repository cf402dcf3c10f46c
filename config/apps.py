"""The project itself as an app, for its system checks."""

from django.apps import AppConfig
from django.core.checks import register

from config import checks


class ProjectConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        for check in checks.DEPLOY_CHECKS:
            register(check, deploy=True)
