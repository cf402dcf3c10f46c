"""Django's command, which also makes a superuser of somebody who has an account already."""

from django.contrib.auth.management.commands import createsuperuser
from django.core.management.base import CommandError

from accounts import operators
from accounts.models import User


class _HasAccount(Exception):
    def __init__(self, person: User) -> None:
        super().__init__(str(person))
        self.person = person


class Command(createsuperuser.Command):
    help = "Create a superuser, or promote the person who has the address."

    _address = ""

    def handle(self, *args: str, **options: object) -> None:
        try:
            super().handle(*args, **options)
        except _HasAccount as account:
            self._promote(account.person)
            return
        made = User.objects.filter(email__iexact=self._address).first()
        if made:  # it ends without one where there is no terminal to ask
            operators.note_command(made, "Superuser created")

    def _validate_username(
        self, username: str, verbose_field_name: str, database: str
    ) -> str | None:
        # Here Django's command says that the address is taken, wherever it has it from: the
        # option, the environment or an answer.
        person = User.objects.filter(email__iexact=username).first()
        if person is not None:
            raise _HasAccount(person)
        self._address = username
        error: str | None = super()._validate_username(  # type: ignore[misc]  # its stubs leave it out
            username, verbose_field_name, database
        )
        return error

    def _promote(self, person: User) -> None:
        if not person.is_active:
            raise CommandError(f"{person} is closed or suspended. Reinstate the account.")
        if person.is_staff and person.is_superuser:
            raise CommandError(f"{person} is a superuser already.")
        person.is_staff = person.is_superuser = True
        person.save(update_fields=["is_staff", "is_superuser"])
        operators.note_command(person, "Promoted to superuser")
        self.stdout.write(f"{person} had an account already, and is a superuser now.")
