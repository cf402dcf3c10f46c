"""For somebody who has lost passkeys, authenticator app and recovery codes alike."""

from argparse import ArgumentParser

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import operators
from accounts.sign_in import addresses


class Command(BaseCommand):
    help = (
        "Remove a person's passkeys, authenticator app and recovery codes, and sign them out "
        "everywhere. A code by mail then lets them in, to set up new ones."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    @transaction.atomic
    def handle(self, *, email: str, **options: object) -> None:
        person = addresses.person_at(email)
        if person is None:
            raise CommandError(f"nobody has the address {email}")
        removed, _ = Authenticator.objects.filter(user=person).delete()
        sessions = UserSession.objects.filter(user=person)
        for session in sessions:
            session.end()
        operators.note_command(person, f"{removed} second factors removed")
        self.stdout.write(f"{person}: {removed} removed; sign in with a code by mail")
