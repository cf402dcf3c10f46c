"""Who runs a command that changes accounts or money: in the log, and for staff in their history."""

import getpass
import logging
import os
import socket

from django.contrib.admin.models import CHANGE, LogEntry

from accounts.models import User

log = logging.getLogger(__name__)


def current() -> str:
    """Whom sudo was called by, if it was, else the process's user; at which machine."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container's user has no name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"


def note(person: User, sentence: str) -> None:
    """The admin's history cannot be erased, so that it says nothing of others than staff."""
    log.warning("%s person=%d", sentence, person.pk)
    if person.is_staff:
        LogEntry.objects.log_actions(
            person.pk, User.objects.filter(pk=person.pk), CHANGE, sentence, single_object=True
        )


def note_command(person: User, deed: str) -> None:
    """`deed` continues a sentence: "API key created"."""
    note(person, f"{deed} at the command line by {current()}.")
