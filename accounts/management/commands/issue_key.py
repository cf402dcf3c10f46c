"""Make an API key for somebody, from the command line."""

from argparse import ArgumentParser

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from accounts import credits, keys, operators
from accounts.models import ApiKey, Category, User
from catalog.numbers.money import parse_usd

# A billion dollars: a slip of the keyboard, and still far from what a bigint holds.
MOST_GRANTED_MICRO_USD = 10**15


def grantable(text: str) -> int:
    """Micro-dollars. Raises CommandError."""
    try:
        amount = parse_usd(text)
    except ValueError as error:
        raise CommandError(f"{error}.") from error
    if not 0 < amount < MOST_GRANTED_MICRO_USD:
        raise CommandError(f"{text} is no amount that can be granted.")
    return amount


class Command(BaseCommand):
    help = (
        "Print a new API key of this person, who is made if unknown. Its secret is the last line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--grant-usd", help="credit in US dollars to give as well")
        parser.add_argument("--name", default="command line")

    def handle(self, *, email: str, grant_usd: str | None, name: str, **options: object) -> None:
        amount = grantable(grant_usd) if grant_usd else 0
        user = self._person(email)
        try:
            key, secret = keys.issue(user, name=name[:60])
        except keys.NotIssued as error:
            raise CommandError(str(error)) from error
        operators.note_command(user, f"API key {key.prefix} created")
        if amount:
            self._grant(user, key, amount)
        self.stdout.write(secret)

    def _person(self, email: str) -> User:
        """Making the person lets a fresh machine, or a machine's own account, do without mail."""
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            try:
                validate_email(email)
            except ValidationError as error:
                raise CommandError(f"{email} is no e-mail address.") from error
            user = User.objects.create_user(email)
            self.stdout.write(f"new person: {user.email}")
        if not user.is_active:
            raise CommandError(f"{user.email} is blocked, and so would be the key.")
        return user

    def _grant(self, user: User, key: ApiKey, amount: int) -> None:
        credits.grant(
            user,
            amount_micro_usd=amount,
            category=Category.ADJUSTMENT,
            reference=f"key:{key.pk}",
            note="given with an API key",
        )
        operators.note_command(user, f"{amount} µ$ granted")
        self.stdout.write(f"granted {amount} µ$")
