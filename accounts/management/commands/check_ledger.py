"""Prove that wallets, holds, grants and keys agree with the ledger."""

from django.core.management.base import BaseCommand, CommandError

from accounts.credits import ledger


class Command(BaseCommand):
    help = "Compare every wallet with its ledger; exits 1 and names each difference if any."

    def handle(self, **options: object) -> None:
        checked = ledger.check()
        for difference in checked.differences:
            self.stderr.write(str(difference))
        counted = f"{checked.wallets} wallets, {checked.entries} entries"
        if checked.differences:
            raise CommandError(f"{counted}: {len(checked.differences)} differences", returncode=1)
        self.stdout.write(f"{counted}: all agree")
