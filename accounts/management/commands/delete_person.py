"""Delete somebody who asks for it by mail or letter."""

import logging
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from accounts import lifecycle, operators
from accounts.sign_in import addresses

log = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Delete a person with all that is kept of them, and wait until it is done."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **options: object) -> None:
        person = addresses.person_at(email)
        if person is None:
            raise CommandError(f"nobody has the address {email}")
        number = person.pk
        try:
            lifecycle.delete(person)
        except lifecycle.HasAdminHistory as refusal:
            raise CommandError(f"{refusal}: close the account in the admin instead") from None
        log.warning("Person deleted at the command line by %s. id=%d", operators.current(), number)
        self.stdout.write(f"person {number} is deleted")
