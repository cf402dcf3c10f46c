"""How holds end: captured when the work was delivered, released when it was not.

A batch takes seven queries (eight if API keys are involved), however many holds it has. Wallets
are locked first, in the order of their ids, so two batches cannot lock each other out; nothing
that belongs to a wallet changes without that lock, so what is read after it stays true.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts import drawing
from accounts.models import ApiKey, Entry, Grant, Hold, HoldState, Kind, Wallet

log = logging.getLogger(__name__)


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
    """Let go of what is held."""
    return release_many([reference])[reference]


def capture_many(
    references: Iterable[str], *, amounts_micro_usd: Mapping[str, int] | None = None
) -> dict[str, Outcome]:
    """Capture each hold, in whole where `amounts_micro_usd` does not say less."""
    amounts = amounts_micro_usd or {}
    if any(amount < 0 for amount in amounts.values()):
        raise ValueError(f"a capture of less than nothing: {amounts}")
    return _settle(references, HoldState.CAPTURED, amounts)


def release_many(references: Iterable[str]) -> dict[str, Outcome]:
    """Release each hold."""
    return _settle(references, HoldState.RELEASED, {})


def _settle(
    references: Iterable[str], state: HoldState, amounts: Mapping[str, int]
) -> dict[str, Outcome]:
    wanted = list(dict.fromkeys(references))
    with transaction.atomic():
        wallets = _locked_wallets(wanted)
        # A hold that was made only after the wallets were locked is not ours to end.
        found = [hold for hold in Hold.objects.filter(reference__in=wanted)
                 if hold.wallet_id in wallets or hold.state != HoldState.OPEN]  # fmt: skip
        outcomes = {hold.reference: _outcome(hold, state) for hold in found}
        ending = [hold for hold in found if hold.state == HoldState.OPEN]
        if ending:
            _end(ending, state, amounts, wallets)
    for reference, outcome in outcomes.items():
        if outcome is Outcome.TOO_LATE:
            log.warning("hold not %s, it had ended reference=%s", state, reference)
    return {reference: outcomes.get(reference, Outcome.UNKNOWN) for reference in wanted}


def _locked_wallets(references: Sequence[str]) -> dict[int, Wallet]:
    """The wallets of those holds that are open."""
    ids = Hold.objects.open().filter(reference__in=references).values("wallet")
    # NO KEY: inserting a row that points at the wallet must not wait.
    locked = Wallet.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True)
    return {wallet.pk: wallet for wallet in locked}


def _outcome(hold: Hold, state: HoldState) -> Outcome:
    if hold.state == HoldState.OPEN:
        return Outcome.DONE
    return Outcome.ALREADY if hold.state == state else Outcome.TOO_LATE


def _end(
    holds: Sequence[Hold],
    state: HoldState,
    amounts: Mapping[str, int],
    wallets: Mapping[int, Wallet],
) -> None:
    for hold in holds:
        hold.state = state
        hold.settled_at = Now()
        if state == HoldState.CAPTURED:
            hold.captured_micro_usd = min(
                hold.amount_micro_usd, amounts.get(hold.reference, hold.amount_micro_usd)
            )
    Hold.objects.bulk_update(holds, ["state", "settled_at", "captured_micro_usd"])
    if state == HoldState.CAPTURED:
        _draw_down(holds)
    _lower_sums(holds, wallets)
    Entry.objects.bulk_create([_entry(hold) for hold in holds])


def _draw_down(holds: Sequence[Hold]) -> None:
    """Take what was captured out of the grants."""
    now = timezone.now()  # it only decides which grant pays, never whether one does
    grants = list(Grant.objects.left().filter(wallet__in={hold.wallet_id for hold in holds}))
    for hold in sorted(holds, key=lambda hold: (hold.created_at, hold.pk)):
        own = [grant for grant in grants if grant.wallet_id == hold.wallet_id]
        drawing.draw(own, hold=hold, amount_micro_usd=hold.captured_micro_usd or 0, now=now)
    Grant.objects.bulk_update(grants, ["remaining_micro_usd"])


def _lower_sums(holds: Sequence[Hold], wallets: Mapping[int, Wallet]) -> None:
    held_of_key: Counter[int] = Counter()
    spent_of_key: Counter[int] = Counter()
    for hold in holds:
        captured = hold.captured_micro_usd or 0
        wallets[hold.wallet_id].balance_micro_usd -= captured
        wallets[hold.wallet_id].held_micro_usd -= hold.amount_micro_usd
        if hold.key_id is not None:
            held_of_key[hold.key_id] += hold.amount_micro_usd
            spent_of_key[hold.key_id] += captured
    Wallet.objects.bulk_update(wallets.values(), ["balance_micro_usd", "held_micro_usd"])
    keys = [
        ApiKey(
            pk=key,
            held_micro_usd=F("held_micro_usd") - held,
            spent_micro_usd=F("spent_micro_usd") + spent_of_key[key],
        )
        for key, held in held_of_key.items()
    ]
    ApiKey.objects.bulk_update(keys, ["held_micro_usd", "spent_micro_usd"])


def _entry(hold: Hold) -> Entry:
    """One line says both: what was spent, and that all that was held is free again."""
    return Entry(
        wallet_id=hold.wallet_id,
        kind=Kind.CAPTURE if hold.state == HoldState.CAPTURED else Kind.RELEASE,
        reference=hold.reference,
        balance_effect_micro_usd=-(hold.captured_micro_usd or 0),
        held_effect_micro_usd=-hold.amount_micro_usd,
    )
