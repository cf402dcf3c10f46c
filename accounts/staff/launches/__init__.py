"""Launching a model: `launches.launch`, then `launches.notify`; the operator's page is in views."""

from accounts.staff.launches.launching import (
    Audience,
    LaunchRefused,
    audience_of,
    launch,
    resume,
)
from accounts.staff.launches.notifications import Notified, notify
from accounts.staff.launches.readiness import Plan, checks, is_possible, mail_checks, rehearse

__all__ = [
    "Audience",
    "LaunchRefused",
    "Notified",
    "Plan",
    "audience_of",
    "checks",
    "is_possible",
    "launch",
    "mail_checks",
    "notify",
    "rehearse",
    "resume",
]
