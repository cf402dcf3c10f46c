"""The prompts around each label, as the playground's form asks for them.

InvalidPrompts     root; `str(error)` is a sentence for people
"""

from django.db import models

from inference.kinds.classify import templates
from inference.kinds.classify.templates import MAX_TEMPLATES, Templates
from inference.playground.labels import DEFAULT_TEMPLATE, MAX_CHARACTERS

# Of an anonymous visitor's job: labels by prompts. ViT-L/14 reads 308 a second on two cores.
MAX_TEXTS = 800


class InvalidPrompts(Exception):
    pass


class Prompts(models.TextChoices):
    """The values beside "one" and "own" are names of `template_sets.SETS`."""

    ONE = "one", "one prompt"
    SEVEN = "openai-7", "7 prompts, averaged"
    EIGHTY = "openai-80", "80 prompts, averaged"
    OWN = "own", "a list of your own, averaged"


def parse(choice: Prompts, *, one: str, own: str) -> Templates:
    """`one` and `own` as typed, of which the choice names the one that counts.

    Raises InvalidPrompts.
    """
    match choice:
        case Prompts.ONE:
            return _checked(one.strip() or DEFAULT_TEMPLATE)
        case Prompts.OWN:
            return _parse_list(own)
    return choice.value


def _parse_list(text: str) -> Templates:
    """One a line."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        raise InvalidPrompts("Please type at least one prompt, such as “a photo of {}”.")
    if len(lines) > MAX_TEMPLATES:
        raise InvalidPrompts(f"That is {len(lines):,} prompts; {MAX_TEMPLATES} are the most.")
    return [_checked(line) for line in lines]


def _checked(prompt: str) -> str:
    if prompt.count("{}") != 1:
        raise InvalidPrompts("A prompt needs {} exactly once, where the label goes.")
    if len(prompt) > MAX_CHARACTERS:
        raise InvalidPrompts(f"A prompt may have {MAX_CHARACTERS} characters.")
    return prompt


def check_work(*, label_count: int, prompts: Templates) -> None:
    """Raises InvalidPrompts for more texts than the playground reads at once."""
    count = templates.count(prompts)
    if label_count * count > MAX_TEXTS:
        raise InvalidPrompts(
            f"{label_count} labels by {count} prompts are {label_count * count:,} texts; the"
            f" playground reads up to {MAX_TEXTS}. Please use fewer labels or fewer prompts."
        )
