"""For somebody who must get in while no mail arrives."""

from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from accounts import operators
from accounts.sign_in import addresses, links


class Command(BaseCommand):
    help = (
        "Print a link that signs this person in, once and within a quarter of an hour. Staff still "
        "show their second factor. Give it only to the person, by a way that nobody else reads."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **options: object) -> None:
        person = addresses.person_at(email)
        if person is None:
            raise CommandError(f"nobody has the address {email}")
        if not person.is_active:
            raise CommandError(f"{person.email} is blocked, and a link would not let them in")
        link = links.make(person, maker=operators.current())
        minutes = settings.PASSWORD_RESET_TIMEOUT // 60
        self.stdout.write(f"{link}\nIt works once, within {minutes} minutes.")
