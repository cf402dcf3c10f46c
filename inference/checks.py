"""What must hold of the settings before strangers' jobs are run."""

from typing import Any

from django.conf import settings
from django.core import checks


def faults_are_off(**_: Any) -> list[checks.CheckMessage]:
    """On a real site nobody may crash a process by writing a file (inference.faults)."""
    if not settings.FAULTS_DIR or settings.DEBUG:
        return []
    hint = "Unset GR_FAULTS; it is for tests on a developer's machine."
    return [checks.Error("Fault points are on.", hint=hint, id="inference.E001")]
