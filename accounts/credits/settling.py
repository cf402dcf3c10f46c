"""How holds end: captured when the work was delivered, released when it was not.

A batch takes four statements, however many holds it has. Wallets are locked first, in the order of
their ids, so two batches cannot lock each other out; nothing that belongs to a wallet changes
without that lock, so what is read after it stays true.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from accounts.credits import allocation
from accounts.models import EntryKind, Grant, Hold, HoldState
from catalog.infrastructure import prepared

log = logging.getLogger(__name__)

# As written by the ORM, each of these would take longer to write than to run.
# NO KEY: inserting a row that points at the wallet must not wait.
LOCK = """
SELECT id FROM accounts_wallet
WHERE id IN (SELECT wallet_id FROM accounts_hold WHERE reference = ANY(%s) AND state = 'open')
ORDER BY id FOR NO KEY UPDATE
"""
HOLDS = f"""
SELECT {prepared.columns(Hold, "hold")} FROM accounts_hold AS hold WHERE reference = ANY(%s)
"""  # noqa: S608  columns of ours
GRANTS = f"""
SELECT {prepared.columns(Grant, "given")} FROM accounts_grant AS given
WHERE wallet_id = ANY(%s) AND remaining_micro_usd > 0
"""  # noqa: S608  columns of ours
# An entry says both what was spent and that all that was held is free again.
END = """
WITH ended AS (
    UPDATE accounts_hold AS hold SET state = %(state)s, settled_at = statement_timestamp(),
        captured_micro_usd = ending.captured
    FROM unnest(%(holds)s::bigint[], %(captured)s::bigint[]) AS ending(id, captured)
    WHERE hold.id = ending.id
    RETURNING hold.id, hold.wallet_id, hold.key_id, hold.reference, hold.model, hold.note,
        hold.amount_micro_usd AS held, coalesce(ending.captured, 0) AS spent
), granted AS (
    UPDATE accounts_grant AS granted SET remaining_micro_usd = drawn.remaining
    FROM unnest(%(grants)s::bigint[], %(remaining)s::bigint[]) AS drawn(id, remaining)
    WHERE granted.id = drawn.id
), wallet AS (
    UPDATE accounts_wallet AS wallet SET
        balance_micro_usd = balance_micro_usd - total.spent,
        held_micro_usd = held_micro_usd - total.held
    FROM (SELECT wallet_id, sum(spent) AS spent, sum(held) AS held FROM ended GROUP BY wallet_id)
        AS total
    WHERE wallet.id = total.wallet_id
), key AS (
    UPDATE accounts_apikey AS key SET
        spent_micro_usd = spent_micro_usd + total.spent,
        held_micro_usd = held_micro_usd - total.held
    FROM (SELECT key_id, sum(spent) AS spent, sum(held) AS held FROM ended GROUP BY key_id)
        AS total
    WHERE key.id = total.key_id
)
INSERT INTO accounts_entry
    (wallet_id, kind, reference, model, balance_effect_micro_usd, held_effect_micro_usd, note)
SELECT wallet_id, %(kind)s::text, reference, model, -spent, -held, note FROM ended ORDER BY id
"""


class Outcome(StrEnum):
    """What became of a request to end a hold; only `done` changed anything."""

    DONE = "done"
    ALREADY = "already"  # it had ended this way before
    TOO_LATE = "too late"  # it had ended the other way
    UNKNOWN = "unknown"  # nothing is held under this reference


def capture(reference: str, *, amount_micro_usd: int | None = None) -> Outcome:
    """Spend what is held, or less; the rest is free again. Never more than was held."""
    amounts = {} if amount_micro_usd is None else {reference: amount_micro_usd}
    return capture_many([reference], amounts_micro_usd=amounts)[reference]


def release(reference: str) -> Outcome:
    return release_many([reference])[reference]


def capture_many(
    references: Iterable[str], *, amounts_micro_usd: Mapping[str, int] | None = None
) -> dict[str, Outcome]:
    """In whole where `amounts_micro_usd` does not say less."""
    amounts = amounts_micro_usd or {}
    if any(amount < 0 for amount in amounts.values()):
        raise ValueError(f"a capture of less than nothing: {amounts}")
    return _settle(references, HoldState.CAPTURED, amounts)


def release_many(references: Iterable[str]) -> dict[str, Outcome]:
    return _settle(references, HoldState.RELEASED, {})


def _settle(
    references: Iterable[str], state: HoldState, amounts: Mapping[str, int]
) -> dict[str, Outcome]:
    # A job listed twice is one hold; the order of the answers is the caller's.
    unique = list(dict.fromkeys(references))
    # Within a batch's own transaction a savepoint would be two more statements, and nobody goes on
    # there after an error.
    with transaction.atomic(savepoint=False):
        wallets = _locked_wallets(unique)
        # A hold that was made only after the wallets were locked is not ours to end.
        holds = [
            hold
            for hold in prepared.instances(Hold, HOLDS, [unique])
            if hold.wallet_id in wallets or hold.state != HoldState.OPEN
        ]
        outcomes = {hold.reference: _outcome(hold, state) for hold in holds}
        ending = [hold for hold in holds if hold.state == HoldState.OPEN]
        if ending:
            _end(ending, state, amounts)
    for reference, outcome in outcomes.items():
        if outcome is Outcome.TOO_LATE:
            log.warning("hold not %s, it had ended reference=%s", state, reference)
    return {reference: outcomes.get(reference, Outcome.UNKNOWN) for reference in unique}


def _locked_wallets(references: Sequence[str]) -> set[int]:
    with prepared.cursor() as cursor:
        cursor.execute(LOCK, [list(references)])
        return {row[0] for row in cursor.fetchall()}


def _outcome(hold: Hold, state: HoldState) -> Outcome:
    if hold.state == HoldState.OPEN:
        return Outcome.DONE
    return Outcome.ALREADY if hold.state == state else Outcome.TOO_LATE


def _end(holds: Sequence[Hold], state: HoldState, amounts: Mapping[str, int]) -> None:
    grants: list[Grant] = []
    if state == HoldState.CAPTURED:
        for hold in holds:
            amount = amounts.get(hold.reference, hold.amount_micro_usd)
            hold.captured_micro_usd = min(hold.amount_micro_usd, amount)
        grants = _drawn_down(holds)
    values: dict[str, str | list[int] | list[int | None]] = {
        "state": state.value,
        "kind": (EntryKind.CAPTURE if state == HoldState.CAPTURED else EntryKind.RELEASE).value,
        "holds": [hold.pk for hold in holds],
        "captured": [hold.captured_micro_usd for hold in holds],
        "grants": [grant.pk for grant in grants],
        "remaining": [grant.remaining_micro_usd for grant in grants],
    }
    with prepared.cursor() as cursor:
        cursor.execute(END, values)


def _drawn_down(holds: Sequence[Hold]) -> list[Grant]:
    """The grants that pay for what was captured, with what they then have left."""
    # The web server's clock will do: it only decides which grant pays, never whether one does.
    now = timezone.now()
    grants = prepared.instances(Grant, GRANTS, [list({hold.wallet_id for hold in holds})])
    before = {grant.pk: grant.remaining_micro_usd for grant in grants}
    # The oldest hold first: it may use credit that had ended before a younger one was made.
    for hold in sorted(holds, key=lambda hold: (hold.created_at, hold.pk)):
        own = [grant for grant in grants if grant.wallet_id == hold.wallet_id]
        allocation.draw_down(own, hold=hold, amount_micro_usd=hold.captured_micro_usd or 0, now=now)
    return [grant for grant in grants if grant.remaining_micro_usd != before[grant.pk]]
