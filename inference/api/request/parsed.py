"""What a call asks for, whatever dialect it was written in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from catalog.models import ModelCard
from inference import jobs
from inference.api.request import inputs
from inference.api.request.inputs import Sent, Url
from inference.models import Kind


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A job as it was sent: its pictures are not checked yet, and may lie elsewhere."""

    card: ModelCard
    sent: Sequence[Sent]
    kind: Kind = Kind.CLASSIFY
    labels: Sequence[str] = ()
    template: str = ""
    activation: str = "auto"
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def is_here(self) -> bool:
        """Whether nothing has to be fetched."""
        return not any(isinstance(each.what, Url) for each in self.sent)

    async def fetched(self) -> "Asked":
        """The same with everything here; raises Invalid."""
        return replace(self, sent=await inputs.fetched(self.sent))

    def request(self) -> jobs.Request:
        """What jobs.submit takes; raises ApiError for a picture that cannot be used."""
        return jobs.Request(
            card=self.card,
            inputs=inputs.checked(self.sent),
            kind=self.kind,
            labels=self.labels,
            template=self.template,
            activation=self.activation,
            options=self.options,
        )
