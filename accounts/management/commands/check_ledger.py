"""Prove that wallets, holds, grants and keys agree with the ledger."""

from django.core.management.base import BaseCommand, CommandError

from accounts.credits import ledger


class Command(BaseCommand):
    help = "Compare every wallet with its ledger; exits 1 and names each difference if any."

    def handle(self, **options: object) -> None:
        result = ledger.check()
        ledger.record(result)
        for difference in result.differences:
            self.stderr.write(str(difference))
        summary = f"{result.wallets} wallets, {result.entries} entries"
        if result.differences:
            raise CommandError(f"{summary}: {len(result.differences)} differences", returncode=1)
        self.stdout.write(f"{summary}: all agree")
