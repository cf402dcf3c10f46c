"""What is known of a job whose images are decoded, and what it then brings to its batch."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from inference.jobs import call_rates, claims
from inference.kinds.fields import on_error
from inference.models import ErrorCode, Job
from inference.runtime.images import sheet
from inference.runtime.images.decoding import Decoded, TooCostly

# Of all images of one job. With the two that may be under way when it is used up, each within its
# own limit, a job is decoded or has failed within 15 s on two cores.
JOB_CPU_S = 16.0
# What is its sender's fault, and costs nothing.
WASTED = {ErrorCode.INVALID_IMAGE, ErrorCode.TOO_COSTLY}


@dataclass(frozen=True)
class Ready:
    """A job and the squares that the model sees of its images, or why there are none.

    `failed_input` is the index of the input that the error is about. `unusable` are errors of
    inputs that the job goes on without, by their index; they have no square. `preview` is for the
    job's page, if it wants one: its image, or a sheet of several. `read_s`: how long its batch was
    read and decoded, which ended at `at` (of time.monotonic).
    """

    job: Job
    crops: Sequence[Image.Image]
    error: ErrorCode | None = None
    failed_input: int | None = None
    unusable: Mapping[int, ErrorCode] = field(default_factory=dict)
    preview: bytes = b""
    read_s: float = 0.0
    at: float = field(default_factory=time.monotonic)


@dataclass
class Progress:
    """Of one job, whose images several threads decode."""

    job: Job
    cpu_s: list[float] = field(default_factory=list)
    errors: dict[int, ErrorCode] = field(default_factory=dict)  # by the input's index
    decoded: dict[int, Decoded] = field(default_factory=dict)
    # Of decoders, whatever came of it, by the input's index.
    busy_s: dict[int, float] = field(default_factory=dict)

    # Why an image could not be read: then nothing is known of it.
    unread: dict[int, Exception] = field(default_factory=dict)

    @property
    def is_unread(self) -> bool:
        # A picture that was read, and is damaged, ends the job whatever the others are.
        return bool(self.unread) and (on_error.skips(self.job) or not self.errors)

    @property
    def is_given_up(self) -> bool:
        return self.is_unread and self.job.unread_count >= claims.MAX_UNREAD

    @property
    def is_over(self) -> bool:
        """Whether what is left need not be decoded."""
        if self.unread:
            return True
        if on_error.skips(self.job):
            return ErrorCode.INTERNAL in self.errors.values() or self.is_used_up
        return bool(self.errors)

    @property
    def is_used_up(self) -> bool:
        return sum(self.cpu_s) > JOB_CPU_S

    def add(self, index: int, decoded: Decoded) -> None:
        self.cpu_s.append(decoded.cpu_s)
        if not self.is_used_up or not on_error.skips(self.job):
            self.decoded[index] = decoded
        if self.is_used_up:
            raise TooCostly(f"the job takes more than {JOB_CPU_S:.0f} s to decode")

    def count_waste(self) -> None:
        if not WASTED.intersection(self.errors.values()):
            return
        # Of a job that goes on without them, only what they themselves have taken.
        wasted = self.errors if on_error.skips(self.job) else self.busy_s
        seconds = sum(self.busy_s.get(index, 0.0) for index in wasted)
        call_rates.count_waste_of(self.job, seconds)

    def ready(self, read_s: float) -> Ready:
        if self.is_unread:
            return Ready(self.job, [], ErrorCode.INTERNAL, min(self.unread), read_s=read_s)
        errors = self._final_errors()
        if errors and not self._goes_on(errors):
            index = min(errors)
            return Ready(self.job, [], errors[index], index, read_s=read_s)
        decoded = [self.decoded[index] for index in sorted(self.decoded)]
        return Ready(
            self.job,
            [image.crop for image in decoded],
            unusable=errors,
            preview=sheet.join([image.preview for image in decoded if image.preview]),
            read_s=read_s,
        )

    def _final_errors(self) -> dict[int, ErrorCode]:
        if not on_error.skips(self.job) or not self.is_used_up:
            return self.errors
        # What was not decoded any more was too costly as well.
        images = [index for index, item in enumerate(self.job.inputs) if "file" in item]
        left = [index for index in images if index not in self.decoded]
        return dict.fromkeys(left, ErrorCode.TOO_COSTLY) | self.errors

    def _goes_on(self, errors: Mapping[int, ErrorCode]) -> bool:
        is_their_fault = WASTED.issuperset(errors.values())
        has_others = bool(self.decoded or self.job.text_inputs)
        return on_error.skips(self.job) and is_their_fault and has_others
