"""The inference app: jobs, workers and the playground."""

from django.apps import AppConfig
from django.core.checks import register

from inference import checks


class InferenceConfig(AppConfig):
    name = "inference"

    def ready(self) -> None:
        register(checks.faults_are_off)
        register(checks.text_cache_has_its_own_server)
