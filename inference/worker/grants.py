"""What a worker may do in the database, table by table, and what for.

`manage.py grant_worker_role` gives a role this and nothing else (inference.worker.database_role). A
table that is not listed is out of its reach, and so is a column of those that are listed by column.

Workers of the version before go on beside new grants: what they still use stays for one version.
docs/security.md says what a stolen role can do with all this.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Model

from accounts.models import ApiKey, Entry, Grant, Hold, Wallet
from catalog.models import ModelCard
from inference.models import Delivery, Job, Webhook, Worker

ALL = ("*",)


@dataclass(frozen=True)
class TableGrant:
    """Columns by what may be done with them, and `reason`: which code needs that."""

    model: type[Model]
    reason: str
    select: Sequence[str] = ()
    insert: Sequence[str] = ()
    update: Sequence[str] = ()
    delete: bool = False

    @property
    def table(self) -> str:
        return str(self.model._meta.db_table)


WORKER = (
    TableGrant(
        ModelCard,
        "served_models: which model a name means, and how its weights are loaded",
        select=ALL,
    ),
    TableGrant(
        Worker,
        "process.announce and withdraw: its own row; wake and eta know workers by theirs",
        select=ALL,
        insert=ALL,
        update=ALL,
        delete=True,
    ),
    TableGrant(
        Job,
        "claims, settlement, completion: takes, renews, gives back and ends jobs. What was asked,"
        " by whom and at which price cannot be changed, and no job be made or deleted.",
        select=ALL,
        update=(
            "attempt",
            "batch_size",
            "cost_micro_usd",
            "earlier_attempts",
            "error_code",
            "error_details",
            "finished_at",
            "lease_token",
            "lease_until",
            "preview_file",
            "result",
            "started_at",
            "state",
            "unread_count",
            "vectors",
            "woken_at",
            "worker",
        ),
    ),
    TableGrant(
        Hold,
        "credits.settling: what was held for a job ends with it; whose it is, the wallet knows",
        select=ALL,
        update=("captured_micro_usd", "settled_at", "state"),
    ),
    TableGrant(
        Wallet,
        "credits.settling: locked, and lowered by what is spent. A trigger refuses to raise it.",
        select=("id", "balance_micro_usd", "held_micro_usd"),
        update=("balance_micro_usd", "held_micro_usd"),
    ),
    TableGrant(
        Grant,
        "credits.settling: which credit pays. A trigger refuses to raise what is left of it.",
        select=ALL,
        update=("remaining_micro_usd",),
    ),
    TableGrant(
        ApiKey,
        "credits.settling: what a key has spent counts towards its limit; nothing else of a key",
        select=("id", "held_micro_usd", "spent_micro_usd"),
        update=("held_micro_usd", "spent_micro_usd"),
    ),
    TableGrant(
        Entry,
        "credits.settling: a line for each hold that ends. A trigger refuses any other line.",
        insert=(
            "balance_effect_micro_usd",
            "held_effect_micro_usd",
            "kind",
            "model",
            "note",
            "reference",
            "wallet_id",
        ),
    ),
    TableGrant(
        Webhook,
        "webhooks.queueing: who is told of a job's end; without secrets. To lock the row takes the"
        " right to change something of it: when it was added is what matters least.",
        select=("disabled_at", "events", "id", "key_id", "removed_at", "url", "user_id"),
        update=("created_at",),
    ),
    TableGrant(
        Delivery,
        "webhooks.queueing: what is to be delivered; the site signs and sends it",
        insert=("body", "event", "id", "job_id", "webhook_id"),
    ),
)
