"""The accounts app: people, later their credit and keys."""

from django.apps import AppConfig
from django.core.checks import register

from accounts import checks


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        register(checks.mail_is_sent, deploy=True)
        register(checks.payments_are_credited, deploy=True)
        register(checks.admin_has_second_factor, deploy=True)
