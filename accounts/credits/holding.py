"""Setting credit aside: one statement, because every paid request does it.

Spending cannot pass the balance: the statement raises what the wallet holds only where that much
is free, and the wallet's check constraint stands behind it. Order of locks, as everywhere: the
wallet, then the key.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Now

from accounts.credits import balances
from accounts.credits.errors import (
    AccountSuspended,
    CreditError,
    KeyEnded,
    KeyLimitReached,
    NotEnoughCredit,
    ReferenceTaken,
)
from accounts.credits.expiry import take_back
from accounts.models import ApiKey, Hold, HoldState, User, Wallet
from accounts.models.keys import KEY_IS_ACTIVE
from accounts.models.money import HAS_ENDED_GRANT
from catalog.infrastructure import prepared

# What has run out is taken back before anything is held, but what older holds need of it stays:
# then "allow_ended" says that the rest is known to be good.
HOLD = f"""
WITH wallet AS (
    UPDATE accounts_wallet AS wallet SET held_micro_usd = held_micro_usd + %(amount)s
    WHERE wallet.user_id = %(user)s AND NOT wallet.is_frozen
        AND wallet.balance_micro_usd >= wallet.held_micro_usd + %(amount)s
        AND (%(allow_ended)s OR NOT {HAS_ENDED_GRANT})
    RETURNING wallet.id
), key AS (
    UPDATE accounts_apikey AS key SET held_micro_usd = held_micro_usd + %(amount)s
    FROM wallet
    WHERE key.id = %(key)s AND {KEY_IS_ACTIVE}
        AND (key.limit_micro_usd IS NULL
            OR key.limit_micro_usd >= key.spent_micro_usd + key.held_micro_usd + %(amount)s)
    RETURNING key.id
), hold AS (
    INSERT INTO accounts_hold
        (wallet_id, key_id, reference, model, note, amount_micro_usd, state, expires_at, created_at)
    SELECT wallet.id, key.id, %(reference)s::text, %(model)s::text, %(note)s::text, %(amount)s,
        'open', %(expires_at)s::timestamptz, statement_timestamp()
    FROM wallet LEFT JOIN key ON true
    WHERE %(key)s::bigint IS NULL OR key.id IS NOT NULL
    ON CONFLICT (reference) DO NOTHING
    RETURNING id, wallet_id, created_at
), entry AS (
    INSERT INTO accounts_entry
        (wallet_id, kind, reference, model, balance_effect_micro_usd, held_effect_micro_usd, note)
    SELECT wallet_id, 'hold', %(reference)s::text, %(model)s::text, 0, %(amount)s, %(note)s::text
    FROM hold
)
SELECT hold.id, wallet.id, hold.created_at, key.id IS NOT NULL
FROM wallet LEFT JOIN hold ON true LEFT JOIN key ON true
"""  # noqa: S608  rules of ours, no values

# Where the key has no room, or the reference is taken, what was raised is lowered again: the rows
# are still ours, and nobody has seen them. (A savepoint for each hold would cost more than that.)
UNDO_WALLET = """
UPDATE accounts_wallet SET held_micro_usd = held_micro_usd - %(amount)s WHERE id = %(wallet)s
"""
UNDO_KEY = """
UPDATE accounts_apikey SET held_micro_usd = held_micro_usd - %(amount)s WHERE id = %(key)s
"""


@dataclass(frozen=True)
class _Request:
    # The arguments of `hold`, which goes through up to three attempts with them.
    user: User
    amount: int
    reference: str
    key: ApiKey | None
    expires_at: datetime | None
    model: str
    note: str


def hold(
    user: User,
    *,
    amount_micro_usd: int,
    reference: str,
    key: ApiKey | None = None,
    expires_at: datetime | None = None,
    model: str = "",
    note: str = "",
) -> Hold:
    """Set credit aside; a repeated reference gives the first hold, and holds nothing more.

    Zero is allowed: a free model. Raises NotEnoughCredit, KeyLimitReached, KeyEnded,
    AccountSuspended and ReferenceTaken. `expires_at`: when `expire_due` may release it; None: never
    by itself.
    `model`: owner/name of what the credit is for, and `note` what is done with it, in words: both
    stand in the ledger and on the person's statement.
    """
    if amount_micro_usd < 0 or (key and key.user_id != user.pk):
        raise ValueError(f"a hold of {amount_micro_usd} µ$ for {user.pk} by key {key}")
    request = _Request(user, amount_micro_usd, reference, key, expires_at, model, note)
    # Without a savepoint: each paid request comes here within a transaction, and a savepoint would
    # be two more statements. _insert undoes itself.
    with transaction.atomic(savepoint=False):
        held = _insert(request)
    return held or _try_after_taking_back(request) or _existing(request)


def _try_after_taking_back(request: _Request) -> Hold | None:
    """The same where something has run out."""
    wallet = balances.wallet_of(request.user)
    with transaction.atomic():
        take_back(wallet.pk, Now())
        held = _insert(request, allow_ended=True)
        if held is None:
            # A refused request writes nothing, not even what was taken back.
            transaction.set_rollback(True)
    return held


def _insert(request: _Request, *, allow_ended: bool = False) -> Hold | None:
    """None, and nothing has changed: this cannot be held, or not so."""
    values: dict[str, str | int | datetime | None] = {
        "user": request.user.pk,
        "amount": request.amount,
        "reference": request.reference,
        "model": request.model,
        "note": request.note,
        "key": request.key.pk if request.key else None,
        "expires_at": request.expires_at,
        "allow_ended": allow_ended,
    }
    with prepared.cursor() as cursor:
        cursor.execute(HOLD, values)
        row = cursor.fetchone()
        if row is None:  # the wallet was not raised: too little is free, or something has ended
            return None
        pk, wallet_id, created_at, key_was_raised = row
        if pk is None:  # raised, but the key has no room or the reference is taken
            cursor.execute(UNDO_WALLET, values | {"wallet": wallet_id})
            if key_was_raised:
                cursor.execute(UNDO_KEY, values)
            return None
    return _inserted(request, pk, wallet_id, created_at)


def _inserted(request: _Request, pk: int, wallet_id: int, created_at: datetime) -> Hold:
    # Put together from what is known: reading the row back would be a query for each request.
    return Hold(
        pk=pk,
        wallet_id=wallet_id,
        key=request.key,
        reference=request.reference,
        model=request.model,
        note=request.note,
        state=HoldState.OPEN,
        amount_micro_usd=request.amount,
        expires_at=request.expires_at,
        created_at=created_at,
    )


def _existing(request: _Request) -> Hold:
    """The hold of a request that was repeated; raises CreditError."""
    existing = Hold.objects.filter(reference=request.reference).select_related("wallet").first()
    if existing is None:
        raise _refusal(request)
    if existing.wallet.user_id != request.user.pk:
        raise ReferenceTaken(f"{existing.reference} is somebody else's")
    return existing


def _refusal(request: _Request) -> CreditError:
    # Asked anew, only to say why: by now there may be more, and the sentence is about now.
    if Wallet.objects.filter(user=request.user, is_frozen=True).exists():
        return AccountSuspended("This account is suspended.")
    available = balances.available_to(request.user)
    if request.key is None or available < request.amount:
        return NotEnoughCredit(available=available, wanted=request.amount)
    key = ApiKey.objects.active().filter(pk=request.key.pk).first()
    if key is None:
        return KeyEnded("This API key was revoked or has run out.")
    return KeyLimitReached(left=key.left_micro_usd or 0, wanted=request.amount)


def set_frozen(user: User, *, is_frozen: bool) -> None:
    """From the commit on, nothing new is held, whatever was on its way; holds go on to their end.

    A hold that has this row first is over before this returns, so that its job is seen then.
    """
    wallet = balances.wallet_of(user)
    Wallet.objects.filter(pk=wallet.pk).update(is_frozen=is_frozen)
