"""Setting credit aside: one statement, because every paid request does it.

Spending cannot pass the balance: the statement raises what the wallet holds only where that much
is free, and the wallet's check constraint stands behind it. Order of locks, as everywhere: the
wallet, then the key.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts.credits import balances
from accounts.credits.errors import (
    CreditError,
    KeyEnded,
    KeyLimitReached,
    NotEnoughCredit,
    ReferenceTaken,
)
from accounts.credits.expiry import take_back
from accounts.models import ApiKey, Hold, HoldState, User
from accounts.models.keys import KEY_IS_LIVING
from accounts.models.money import SOMETHING_HAS_ENDED

# What has run out is taken back before anything is held, but what older holds need of it stays:
# then "ended_too" says that the rest is known to be good.
HOLD = f"""
WITH wallet AS (
    UPDATE accounts_wallet AS wallet SET held_micro_usd = held_micro_usd + %(amount)s
    WHERE wallet.user_id = %(user)s
        AND wallet.balance_micro_usd >= wallet.held_micro_usd + %(amount)s
        AND (%(ended_too)s OR NOT {SOMETHING_HAS_ENDED})
    RETURNING wallet.id
), key AS (
    UPDATE accounts_apikey AS key SET held_micro_usd = held_micro_usd + %(amount)s
    FROM wallet
    WHERE key.id = %(key)s AND {KEY_IS_LIVING}
        AND (key.limit_micro_usd IS NULL
            OR key.limit_micro_usd >= key.spent_micro_usd + key.held_micro_usd + %(amount)s)
    RETURNING key.id
), hold AS (
    INSERT INTO accounts_hold
        (wallet_id, key_id, reference, model, amount_micro_usd, state, expires_at, created_at)
    SELECT wallet.id, key.id, %(reference)s, %(model)s, %(amount)s, 'open', %(expires_at)s,
        statement_timestamp()
    FROM wallet LEFT JOIN key ON true
    WHERE %(key)s IS NULL OR key.id IS NOT NULL
    ON CONFLICT (reference) DO NOTHING
    RETURNING id, wallet_id, created_at
), entry AS (
    INSERT INTO accounts_entry
        (wallet_id, kind, reference, model, balance_effect_micro_usd, held_effect_micro_usd, note)
    SELECT wallet_id, 'hold', %(reference)s, %(model)s, 0, %(amount)s, '' FROM hold
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
class _Wish:
    user: User
    amount: int
    reference: str
    key: ApiKey | None
    expires_at: datetime | None
    model: str


def hold(
    user: User,
    *,
    amount_micro_usd: int,
    reference: str,
    key: ApiKey | None = None,
    expires_at: datetime | None = None,
    model: str = "",
) -> Hold:
    """Set credit aside; a repeated reference gives the first hold, and holds nothing more.

    Zero is allowed: a free model. Raises NotEnoughCredit, KeyLimitReached, KeyEnded and
    ReferenceTaken. `expires_at`: when `expire_due` may release it; None: never by itself.
    `model`: owner/name of what the credit is for, in the ledger and on the person's statement.
    """
    if amount_micro_usd < 0 or (key and key.user_id != user.pk):
        raise ValueError(f"a hold of {amount_micro_usd} µ$ for {user.pk} by key {key}")
    wish = _Wish(user, amount_micro_usd, reference, key, expires_at, model)
    with transaction.atomic(savepoint=False):
        held = _insert(wish)
    return held or _try_after_taking_back(wish) or _first_of(wish)


def _try_after_taking_back(wish: _Wish) -> Hold | None:
    """The same where something has run out; a refused request writes nothing, not even that."""
    wallet = balances.wallet_of(wish.user)
    with transaction.atomic():
        take_back(wallet.pk, Now())
        held = _insert(wish, ended_too=True)
        if held is None:
            transaction.set_rollback(True)
    return held


def _insert(wish: _Wish, *, ended_too: bool = False) -> Hold | None:
    """None, and nothing has changed: this cannot be held, or not so."""
    given: dict[str, str | int | datetime | None] = {
        "user": wish.user.pk,
        "amount": wish.amount,
        "reference": wish.reference,
        "key": wish.key.pk if wish.key else None,
        "expires_at": wish.expires_at,
        "model": wish.model,
        "ended_too": ended_too,
    }
    with connection.cursor() as cursor:
        cursor.execute(HOLD, given)
        row = cursor.fetchone()
        if row is None:
            return None
        pk, wallet_id, created_at, key_was_raised = row
        if pk is None:
            cursor.execute(UNDO_WALLET, given | {"wallet": wallet_id})
            if key_was_raised:
                cursor.execute(UNDO_KEY, given)
            return None
    return Hold(
        pk=pk,
        wallet_id=wallet_id,
        key=wish.key,
        reference=wish.reference,
        model=wish.model,
        state=HoldState.OPEN,
        amount_micro_usd=wish.amount,
        expires_at=wish.expires_at,
        created_at=created_at,
    )


def _first_of(wish: _Wish) -> Hold:
    """The hold of a request that was repeated; raises CreditError."""
    first = Hold.objects.filter(reference=wish.reference).select_related("wallet").first()
    if first is None:
        raise _refusal(wish)
    if first.wallet.user_id != wish.user.pk:
        raise ReferenceTaken(f"{first.reference} is somebody else's")
    return first


def _refusal(wish: _Wish) -> CreditError:
    available = balances.available_to(wish.user)
    if wish.key is None or available < wish.amount:
        return NotEnoughCredit(available=available, wanted=wish.amount)
    living = ApiKey.objects.living().filter(pk=wish.key.pk).first()
    if living is None:
        return KeyEnded("This API key was revoked or has run out.")
    return KeyLimitReached(left=living.left_micro_usd or 0, wanted=wish.amount)
