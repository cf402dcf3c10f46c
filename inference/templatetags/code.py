"""Template tags for code to copy, filled for the page it stands on."""

from django import template

from catalog.models import ModelCard
from inference import kinds
from inference.docs import how_to_call, snippets
from inference.models import Job

register = template.Library()

# What the tag's template reads.
Context = dict[str, object]


@register.inclusion_tag("inference/docs/_code.html")
def code(name: str, model: str, package: str = "") -> Context:
    """{% code "classify" model %}: how to do this with that model; by one package, if named."""
    by_package = [
        snippet
        for snippet in snippets.with_answers(name, model=model)
        if snippet.client.startswith(package)
    ]
    answered_by = "" if model == snippets.STAND_IN else snippets.STAND_IN
    return {"group": name, "snippets": by_package, "answered_by": answered_by}


@register.inclusion_tag("catalog/model/_code.html", takes_context=True)
def code_for_model(context: Context, card: ModelCard) -> Context:
    """How to call this model, or the stand-in until it is live; nothing for a retired one."""
    return {"card": card, "how": how_to_call.of(card), "served_repos": context["served_repos"]}


@register.inclusion_tag("catalog/model/_code.md")
def markdown_code_for_model(card: ModelCard) -> Context:
    return {"card": card, "how": how_to_call.of(card)}


@register.inclusion_tag("inference/docs/_code.html")
def code_for_job(job: Job) -> Context:
    return {
        "group": job.kind,
        "snippets": snippets.of_job(job),
        "note": kinds.of(job).code(job).note,
    }
