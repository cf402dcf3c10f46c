"""What `Prefer` asks for (RFC 7240): an answer at once, or after some seconds at most."""

import re
from dataclasses import dataclass

from django.conf import settings
from starlette.datastructures import Headers

MAX_WAIT_S = 60


@dataclass(frozen=True)
class Preference:
    """How long to wait, what becomes of a job that is not done by then, and what was obeyed.

    `accepts_202`: the job goes on, and the answer is 202; else it is canceled.
    """

    wait_s: float
    accepts_202: bool = False
    applied: str = ""

    @property
    def is_async(self) -> bool:
        # 202 with the job, however fast that was: such a client reads nothing else.
        return self.accepts_202 and not self.wait_s

    @classmethod
    def from_headers(cls, headers: Headers) -> "Preference":
        # A preference that cannot be understood is ignored, as the standard says.
        preferences = [
            preference.strip().lower()
            for preference in ",".join(headers.getlist("prefer")).split(",")
        ]
        waits = (re.fullmatch(r"wait=(\d{1,4})", preference) for preference in preferences)
        wait = next(filter(None, waits), None)
        is_async = "respond-async" in preferences
        if wait:
            wait_s = min(int(wait[1]), MAX_WAIT_S)
            applied = f"respond-async, wait={wait_s}" if is_async else f"wait={wait_s}"
            return cls(wait_s, accepts_202=True, applied=applied)
        if is_async:
            return cls(0, accepts_202=True, applied="respond-async")
        return default_preference()


def default_preference() -> Preference:
    return Preference(settings.API_WAIT_S)
