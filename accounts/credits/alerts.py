"""One mail when somebody's credit falls below the amount that they chose."""

import logging

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.credits.balances import available_to
from accounts.models import User

log = logging.getLogger(__name__)

MAILS_A_ROUND = 200


def choose(user: User, micro_usd: int | None) -> None:
    """None: no mail. A new choice counts anew."""
    User.objects.filter(pk=user.pk).update(
        low_balance_micro_usd=micro_usd, low_balance_mailed_at=None
    )


def mail_due() -> int:
    """Mail those who have fallen below their amount, once until they are above it again."""
    _rearm()
    mailed = 0
    for user in _below().filter(low_balance_mailed_at__isnull=True)[:MAILS_A_ROUND]:
        # Of two rounds at once one finds it taken.
        taken = User.objects.filter(pk=user.pk, low_balance_mailed_at__isnull=True)
        if taken.update(low_balance_mailed_at=Now()):
            _mail(user)
            mailed += 1
    return mailed


def _rearm() -> None:
    mailed = User.objects.filter(low_balance_mailed_at__isnull=False)
    above = mailed.filter(wallet__balance_micro_usd__gte=F("low_balance_micro_usd"))
    User.objects.filter(pk__in=above.values("pk")).update(low_balance_mailed_at=None)


def _below() -> QuerySet[User]:
    # By the balance, not by what is available: what is held for a job may come back in a second.
    return User.objects.filter(
        is_active=True,
        low_balance_micro_usd__isnull=False,
        wallet__balance_micro_usd__lt=F("low_balance_micro_usd"),
    ).order_by("pk")


def _mail(user: User) -> None:
    context = {
        "available": available_to(user),
        "chosen": user.low_balance_micro_usd,
        "add_link": f"{settings.SITE_URL}{reverse('add_credit')}",
        "credit_link": f"{settings.SITE_URL}{reverse('credit')}",
    }
    EmailMessage(
        subject="Your credit is running low",
        body=render_to_string("accounts/mail/low_balance.txt", context),
        to=[user.email],
    ).send()
    log.info("low balance mailed user=%s", user.pk)
