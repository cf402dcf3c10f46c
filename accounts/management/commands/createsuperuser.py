"""Django's command, which also makes a superuser of somebody who has an account already."""

import os

from django.contrib.auth.management.commands import createsuperuser
from django.core.management.base import CommandError

from accounts import operators
from accounts.models import User


class Command(createsuperuser.Command):
    help = "Create a superuser, or promote the person who has the address."

    # Any: what Django's command takes, passed on as it is.
    def handle(self, *args: str, **options: object) -> None:
        email = self._address(options)
        person = User.objects.filter(email__iexact=email).first() if email else None
        if person is None:
            super().handle(*args, **options | {"email": email})
            made = User.objects.filter(email__iexact=email).first() if email else None
            if made:
                operators.note_command(made, "Superuser created")
            return
        self._promote(person)

    def _address(self, options: dict[str, object]) -> str | None:
        """As Django finds it: the option, then the environment, then a question."""
        if options["email"]:
            return str(options["email"])
        if not options["interactive"]:
            return os.environ.get("DJANGO_SUPERUSER_EMAIL")
        is_terminal = getattr(self.stdin, "isatty", lambda: False)()
        return (input("E-mail address: ").strip() or None) if is_terminal else None

    def _promote(self, person: User) -> None:
        if not person.is_active:
            raise CommandError(f"{person} is closed or suspended. Reinstate the account.")
        if person.is_staff and person.is_superuser:
            raise CommandError(f"{person} is a superuser already.")
        person.is_staff = person.is_superuser = True
        person.save(update_fields=["is_staff", "is_superuser"])
        operators.note_command(person, "Promoted to superuser")
        self.stdout.write(f"{person} had an account already, and is a superuser now.")
