"""What `Prefer` asks for (RFC 7240): an answer at once, or after some seconds at most."""

import re
from dataclasses import dataclass

from django.conf import settings
from starlette.datastructures import Headers

MOST_WAIT_S = 60


@dataclass(frozen=True)
class Preference:
    """How long to wait, what becomes of a job that is not done by then, and what was obeyed.

    `is_patient`: the job goes on, and the answer is 202; else it is cancelled.
    """

    wait_s: float
    is_patient: bool = False
    applied: str = ""

    @property
    def is_for_the_job(self) -> bool:
        """202 with the job, however fast that was: who asks so reads nothing else."""
        return self.is_patient and not self.wait_s

    @classmethod
    def of(cls, headers: Headers) -> "Preference":
        """What cannot be understood is ignored, as the standard says."""
        wishes = [each.strip().lower() for each in ",".join(headers.getlist("prefer")).split(",")]
        wait = next((m for each in wishes if (m := re.fullmatch(r"wait=(\d{1,4})", each))), None)
        is_async = "respond-async" in wishes
        if wait:
            wait_s = min(int(wait[1]), MOST_WAIT_S)
            applied = f"respond-async, wait={wait_s}" if is_async else f"wait={wait_s}"
            return cls(wait_s, is_patient=True, applied=applied)
        if is_async:
            return cls(0, is_patient=True, applied="respond-async")
        return at_once()


def at_once() -> Preference:
    """The answer itself, as fast as may be."""
    return Preference(settings.API_WAIT_S)
