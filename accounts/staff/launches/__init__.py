"""Launching a model: `launches.launch`, then `launches.tell`; its page in the admin is in views."""

from accounts.staff.launches.launching import (
    Concerned,
    LaunchRefused,
    Told,
    concerned,
    launch,
    resume,
    tell,
)

__all__ = ["Concerned", "LaunchRefused", "Told", "concerned", "launch", "resume", "tell"]
