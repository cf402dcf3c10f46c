"""What Celery runs for people's accounts."""

from celery import shared_task
from django.db.models.functions import Now

from accounts import credits, erasure, keys, lifecycle
from accounts.billing import checkout, stripe_api
from accounts.credits import alerts, ledger
from accounts.staff import launches
from accounts.staff.model_desk import letters, price_change, shutdown
from catalog.infrastructure.retention import Budget
from catalog.models import Launch

ROUND_S = 5.0


@shared_task
def tidy() -> None:
    lifecycle.UNCONFIRMED.delete_due(Budget(ROUND_S))
    credits.expire_due(Now())
    keys.mail_before_expiry(Budget(ROUND_S))


@shared_task(name="accounts.tasks.tell_of_launch")
def notify_of_launch(launch_id: int) -> None:
    # Sent by a launch, and by resume_launches until everybody was notified.
    launch = Launch.objects.select_related("card").filter(pk=launch_id).first()
    if launch and not launch.announced_at:
        launches.notify(launch)


@shared_task
def resume_launches() -> None:
    launches.resume()


@shared_task
def apply_notices() -> None:
    """Retire models, and change prices, whose announced date has come."""
    shutdown.retire_due()
    price_change.apply_due()


@shared_task
def mail_notices() -> None:
    letters.resume()


@shared_task
def check_ledger() -> None:
    ledger.check_and_record()


@shared_task
def refresh_purchases() -> None:
    if stripe_api.is_enabled():
        checkout.refresh_open()


@shared_task
def mail_low_balances() -> None:
    alerts.mail_due()


@shared_task
def erase(user_id: int) -> None:
    # Sent as somebody leaves, and by resume_erasures until nothing is left.
    erasure.run_or_send_again(user_id, Budget(ROUND_S))


@shared_task
def resume_erasures() -> None:
    erasure.resume()
