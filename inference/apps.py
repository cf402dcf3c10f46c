"""The inference app: jobs, workers and the playground."""

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"
