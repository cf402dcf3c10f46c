"""Does the ledger prove the wallets? Every sum that is kept twice is compared, wallet by wallet."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts.models import LedgerCheck

log = logging.getLogger(__name__)

# Each gives the rows where two sums that must be equal are not: which row, what, and both sums.
# One query a rule: the database adds up, and only differences travel.
RULES = {
    "balance is the sum of the entries": """
        SELECT 'wallet ' || w.id, w.balance_micro_usd, coalesce(sum(e.balance_effect_micro_usd), 0)
        FROM accounts_wallet w LEFT JOIN accounts_entry e ON e.wallet_id = w.id
        GROUP BY w.id
        HAVING w.balance_micro_usd <> coalesce(sum(e.balance_effect_micro_usd), 0)""",
    "held is the sum of the entries": """
        SELECT 'wallet ' || w.id, w.held_micro_usd, coalesce(sum(e.held_effect_micro_usd), 0)
        FROM accounts_wallet w LEFT JOIN accounts_entry e ON e.wallet_id = w.id
        GROUP BY w.id HAVING w.held_micro_usd <> coalesce(sum(e.held_effect_micro_usd), 0)""",
    "held is the sum of the open holds": """
        SELECT 'wallet ' || w.id, w.held_micro_usd, coalesce(sum(h.amount_micro_usd), 0)
        FROM accounts_wallet w LEFT JOIN accounts_hold h ON h.wallet_id = w.id AND h.state = 'open'
        GROUP BY w.id HAVING w.held_micro_usd <> coalesce(sum(h.amount_micro_usd), 0)""",
    "balance is what the grants have left": """
        SELECT 'wallet ' || w.id, w.balance_micro_usd, coalesce(sum(g.remaining_micro_usd), 0)
        FROM accounts_wallet w LEFT JOIN accounts_grant g ON g.wallet_id = w.id
        GROUP BY w.id HAVING w.balance_micro_usd <> coalesce(sum(g.remaining_micro_usd), 0)""",
    "each grant was entered": """
        SELECT 'grant ' || coalesce(g.reference, e.reference),
               coalesce(g.amount_micro_usd, 0), coalesce(e.balance_effect_micro_usd, 0)
        FROM accounts_grant g FULL JOIN (SELECT * FROM accounts_entry WHERE kind = 'grant') e
          ON e.reference = g.reference AND e.wallet_id = g.wallet_id
        WHERE g.amount_micro_usd IS DISTINCT FROM e.balance_effect_micro_usd""",
    "each hold was entered": """
        SELECT 'hold ' || coalesce(h.reference, e.reference),
               coalesce(h.amount_micro_usd, 0), coalesce(e.held_effect_micro_usd, 0)
        FROM accounts_hold h FULL JOIN (SELECT * FROM accounts_entry WHERE kind = 'hold') e
          ON e.reference = h.reference AND e.wallet_id = h.wallet_id
        WHERE h.amount_micro_usd IS DISTINCT FROM e.held_effect_micro_usd""",
    "each hold ended once, as it says": """
        SELECT 'hold ' || h.reference, coalesce(h.captured_micro_usd, 0),
               -coalesce(sum(e.balance_effect_micro_usd), 0)
        FROM accounts_hold h LEFT JOIN accounts_entry e
          ON e.reference = h.reference AND e.kind IN ('capture', 'release')
        GROUP BY h.id
        HAVING count(e.id) <> (h.state <> 'open')::int
            OR (h.state <> 'open' AND (
                min(e.kind) <> CASE h.state WHEN 'captured' THEN 'capture' ELSE 'release' END
                OR sum(e.balance_effect_micro_usd) <> -coalesce(h.captured_micro_usd, 0)
                OR sum(e.held_effect_micro_usd) <> -h.amount_micro_usd))""",
    "a key's sums are those of its holds": """
        SELECT 'key ' || k.id, k.spent_micro_usd + k.held_micro_usd,
               coalesce(sum(coalesce(h.captured_micro_usd, 0)
                            + CASE h.state WHEN 'open' THEN h.amount_micro_usd ELSE 0 END), 0)
        FROM accounts_apikey k LEFT JOIN accounts_hold h ON h.key_id = k.id
        GROUP BY k.id
        HAVING k.spent_micro_usd <> coalesce(sum(h.captured_micro_usd), 0)
            OR k.held_micro_usd
                <> coalesce(sum(h.amount_micro_usd) FILTER (WHERE h.state = 'open'), 0)""",
}


@dataclass(frozen=True)
class Difference:
    """Two sums, in µ$, that had to be equal."""

    rule: str
    row: str
    is_micro_usd: int
    should_be_micro_usd: int

    def __str__(self) -> str:
        return (
            f"{self.row}: {self.is_micro_usd} µ$, not {self.should_be_micro_usd} µ$ ({self.rule})"
        )


@dataclass(frozen=True)
class CheckResult:
    wallets: int
    entries: int
    differences: tuple[Difference, ...]


def check() -> CheckResult:
    """Compare everything, as of one moment: the site may go on meanwhile."""
    # The isolation level is set before a transaction's first query, or not at all: within a
    # caller's transaction (a test's) its level has to do.
    is_own_transaction = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_own_transaction:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SET LOCAL statement_timeout = 0")  # a long ledger takes its time
        return CheckResult(
            wallets=_count("accounts_wallet"),
            entries=_count("accounts_entry"),
            differences=tuple(_differences()),
        )


KEPT_FOR = timedelta(days=90)


def record(result: CheckResult) -> LedgerCheck:
    """Keep the outcome for the metrics. Names each difference in the log."""
    for difference in result.differences:
        log.error("ledger differs: %s", difference)
    return LedgerCheck.objects.create(
        wallets=result.wallets,
        entries=result.entries,
        differences=len(result.differences),
        difference_micro_usd=sum(
            abs(difference.is_micro_usd - difference.should_be_micro_usd)
            for difference in result.differences
        ),
    )


def check_and_record() -> LedgerCheck:
    """What housekeeping does once a day."""
    LedgerCheck.objects.filter(checked_at__lt=Now() - KEPT_FOR).delete()
    return record(check())


def last_check() -> LedgerCheck | None:
    return LedgerCheck.objects.order_by("-checked_at", "-pk").first()


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608  one of two names above
        return int(cursor.fetchone()[0])


def _differences() -> Iterator[Difference]:
    with connection.cursor() as cursor:
        for rule, query in RULES.items():
            cursor.execute(query)
            for row, stored, computed in cursor.fetchall():
                yield Difference(rule, row, int(stored), int(computed))
