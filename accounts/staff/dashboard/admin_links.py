"""Links from a sign of abuse to the admin's list of the rows behind it."""

from typing import Literal

from django.urls import reverse
from django.utils.http import urlencode

Activity = Literal["accounts", "votes", "waitlist"]

CHANGELISTS: dict[Activity, str] = {
    "accounts": "admin:accounts_user_changelist",
    "votes": "admin:catalog_vote_changelist",
    "waitlist": "admin:catalog_waitlistentry_changelist",
}


def changelist(activity: Activity, query: dict[str, str]) -> str:
    return f"{reverse(CHANGELISTS[activity])}?{urlencode(query)}"


def of_domain(activity: Activity, domain: str) -> str:
    return changelist(activity, {"q": f"@{domain}"})
