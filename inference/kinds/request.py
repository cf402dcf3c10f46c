"""A request in whatever dialect it was written, on its way from a body to a job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from catalog.models import ModelCard
from catalog.pricing import Price
from inference import jobs
from inference.kinds.fields import inputs
from inference.kinds.fields.options import IGNORED
from inference.kinds.fields.parsed_input import ParsedInput, Url


@dataclass(frozen=True, kw_only=True)
class ParsedRequest:
    """A job to be: its images are not checked yet, and may have to be fetched first.

    `skips_unusable`: an input that is at fault stays in its place, and the job goes on without it.
    The other fields are those of jobs.Request.
    """

    card: ModelCard
    kind: str
    inputs: Sequence[ParsedInput]
    payload: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    text_count: int = 0
    text_tokens: int = 0
    max_tokens: int = 0
    skips_unusable: bool = False

    @property
    def image_count(self) -> int:
        return sum(not isinstance(item.content, str) for item in self.inputs)

    def max_cost(self, price: Price) -> int:
        """µ$, as jobs.Request has it; its images need not be there yet."""
        return price.micro_usd_for(
            images=self.image_count, texts=self.text_count, tokens=self.max_tokens
        )

    @property
    def has_urls(self) -> bool:
        return any(isinstance(item.content, Url) for item in self.inputs)

    def with_ignored(self, names: Sequence[str]) -> "ParsedRequest":
        """The same, whose answer names the fields that nothing was done about."""
        if not names:
            return self
        return replace(self, options={**self.options, IGNORED: list(names)})

    def with_webhook(self, url: str) -> "ParsedRequest":
        """The same, whose job's end is delivered to this address, too."""
        return replace(self, options={**self.options, "webhook": url}) if url else self

    # Before `check`, in the event loop: a worker fetches, and no thread waits for it.
    async def fetch(self) -> "ParsedRequest":
        """The same with the bytes behind its URLs; raises FieldError."""
        return replace(
            self, inputs=await inputs.fetch(self.inputs, skips_unusable=self.skips_unusable)
        )

    def check(self) -> jobs.Request:
        """What jobs.submit takes; raises FieldError for an image that cannot be used."""
        return jobs.Request(
            card=self.card,
            kind=self.kind,
            inputs=inputs.check(self.inputs, skips_unusable=self.skips_unusable),
            payload=self.payload,
            options=self.options,
            text_count=self.text_count,
            text_tokens=self.text_tokens,
            max_tokens=self.max_tokens,
        )
