"""What the playground's forms are rendered with."""

import uuid

from django.conf import settings

from catalog.models import ModelCard
from inference.kinds.classify.template_sets import SETS
from inference.models import Worker
from inference.playground.labels import DEFAULT_TEMPLATE
from inference.playground.prompts import MAX_TEXTS, Prompts
from inference.playground.samples import FIRST, SAMPLES


def question_context(requested: str | None = None) -> dict[str, object]:
    """What each form needs that asks for a model, labels and prompts."""
    served = list(ModelCard.objects.filter(repo__in=Worker.objects.served_repos()).best_first())
    chosen = next(
        (card for card in served if card.repo == requested), served[0] if served else None
    )
    return {
        "served": served,
        "chosen": chosen,
        "template": DEFAULT_TEMPLATE,
        "prompts": Prompts,
        "prompt_sets": list(SETS),
        "chosen_prompts": Prompts.ONE,
        "max_texts": MAX_TEXTS,
        # In the form: sending it twice, by a double click or "back", gives one job.
        "idempotency_key": uuid.uuid4().hex,
        "keep_hours": settings.PLAYGROUND_KEEP_HOURS,
    }


def form_context(requested: str | None = None, sample: str = FIRST.name) -> dict[str, object]:
    context = question_context(requested)
    chosen = context["chosen"]
    is_served = isinstance(chosen, ModelCard) and chosen.repo == requested
    return context | {
        "unserved": requested if requested and not is_served else None,
        "samples": SAMPLES.values(),
        "chosen_sample": SAMPLES[sample],
    }
