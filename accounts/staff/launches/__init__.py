"""Launching a model: `launches.launch`, then `launches.notify`; the operator's page is in views."""

from accounts.staff.launches.launching import (
    Audience,
    LaunchRefused,
    audience_of,
    launch,
    resume,
)
from accounts.staff.launches.notifications import Notified, notify

__all__ = ["Audience", "LaunchRefused", "Notified", "audience_of", "launch", "notify", "resume"]
