"""The accounts app: people, later their credit and keys."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
