"""The catalog app: model cards and their facts."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"
