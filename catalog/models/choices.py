"""The closed sets of a model card: its task, its stage, what reads its weights, what its license
allows.
"""

from django.db import models


class Task(models.TextChoices):
    ZERO_SHOT_IMAGE = "zero-shot-image", "zero-shot image"


class Stage(models.TextChoices):
    """How far a model is on its way from requested to live to retired."""

    REQUESTED = "requested", "requested"
    BENCHMARKING = "benchmarking", "benchmarking"
    ONBOARDING = "onboarding", "onboarding"
    PREVIEW = "preview", "preview"
    LIVE = "live", "live"
    DEPRECATED = "deprecated", "deprecated"
    RETIRED = "retired", "retired"

    @property
    def is_coming_soon(self) -> bool:
        return self in COMING_SOON

    @property
    def is_callable(self) -> bool:
        # By its stage. Whether a worker has it loaded is another question.
        return self in CALLABLE

    @property
    def is_leaving(self) -> bool:
        return self in (Stage.DEPRECATED, Stage.RETIRED)

    @property
    def public_label(self) -> str:
        # Before the preview a model is simply coming soon.
        return "coming soon" if self.is_coming_soon else str(self.label)

    @property
    def badge(self) -> str:
        return self.public_label.replace(" ", "-")


# For queries; of one stage ask `is_coming_soon` and `is_callable`.
COMING_SOON = (Stage.REQUESTED, Stage.BENCHMARKING, Stage.ONBOARDING)
CALLABLE = (Stage.PREVIEW, Stage.LIVE, Stage.DEPRECATED)


class Loader(models.TextChoices):
    TRANSFORMERS = "transformers", "transformers"
    OPEN_CLIP = "open_clip", "open_clip"
    CONSE = "conse", "stand-in after ConSE"


class CommercialUse(models.TextChoices):
    YES = "yes", "allowed"
    NO = "no", "not allowed"
