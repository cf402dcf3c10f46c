"""The sentences around each label: one template, a published set, or a list of one's own.

The model reads each label in each of them; the mean of a label's vectors is what images are
compared with, as in the CLIP paper.
"""

from collections.abc import Sequence
from typing import Annotated, Any, NotRequired, TypedDict

from pydantic import Field, WithJsonSchema

from inference.jobs import text_work
from inference.kinds.classify.template_sets import SETS
from inference.kinds.errors import FieldError
from inference.kinds.fields import labels

MAX_TEMPLATES = 100
# Texts of one job: labels times templates. Each pass over some of them renews the time limit of its
# attempt; others of the same model wait until the last.
MAX_TEXTS = 8000

# A template, the name of a set, or several templates.
Templates = str | Sequence[str]

Template = Annotated[
    str | None,
    Field(
        max_length=labels.MAX_TEMPLATE_CHARACTERS,
        description=(
            "With one {} or {label}: `This is a photo of {}.` Or the name of a set, as in"
            " `hypothesis_templates`."
        ),
    ),
]
TemplateList = Annotated[
    Any,  # read by hand: Pydantic could not name what is wrong in a union
    WithJsonSchema(
        {
            "description": (
                "In place of `hypothesis_template`: up to 100 templates, or a published set. Each"
                " label is read in each, and its vectors are averaged. Labels times templates: up"
                f" to {MAX_TEXTS:,}."
            ),
            "anyOf": [
                {
                    "type": "array",
                    "items": {"type": "string", "maxLength": labels.MAX_TEMPLATE_CHARACTERS},
                    "minItems": 1,
                    "maxItems": MAX_TEMPLATES,
                },
                {"type": "string", "enum": list(SETS)},
            ],
        }
    ),
]


class TemplateFields(TypedDict):
    """What a payload holds: a template or the name of a set, or "" beside a list."""

    template: str
    templates: NotRequired[list[str]]


def fields_of(templates: Templates) -> TemplateFields:
    if isinstance(templates, str):
        return TemplateFields(template=templates)
    if len(templates) == 1:
        return TemplateFields(template=templates[0])
    return TemplateFields(template="", templates=list(templates))


def templates_of(payload: TemplateFields) -> Sequence[str]:
    """Each with {} once."""
    name = payload["template"]
    return payload.get("templates") or SETS.get(name) or [name]


def count(templates: Templates) -> int:
    return len(templates_of(fields_of(templates)))


def tokens_of(labels: Sequence[str], templates: Templates) -> int:
    """Of all prompts, as text_work estimates them."""
    around = [
        len(template.encode(errors="replace")) - len("{}")
        for template in templates_of(fields_of(templates))
    ]
    lengths = [len(label.encode(errors="replace")) for label in labels]
    return sum(
        text_work.estimated_tokens(length + others) for length in lengths for others in around
    )


def most_tokens_of(labels: Sequence[str], templates: Templates, *, context_length: int) -> int:
    """Of all prompts, as text_work bounds them."""
    sizes = [text_work.size_of(label) for label in labels]
    around = [
        text_work.size_of(template.replace("{}", "", 1))
        for template in templates_of(fields_of(templates))
    ]
    return sum(
        text_work.most_tokens(
            None if size is None or others is None else size + others, context_length
        )
        for size in sizes
        for others in around
    )


def read(one: str | None, several: Any) -> Templates:
    """`hypothesis_template` and `hypothesis_templates`; raises FieldError."""
    if several is None:
        return one if one is not None and one in SETS else labels.read_template(one)
    if one is not None:
        raise FieldError(
            "Send `hypothesis_template` or `hypothesis_templates`, not both.",
            param="hypothesis_templates",
        )
    return _read_several(several, "hypothesis_templates")


def _read_several(value: Any, param: str) -> Templates:
    if isinstance(value, str):
        if value in SETS:
            return value
        value = labels.json_list(value)
    if not isinstance(value, list):
        raise FieldError(f"The templates must be a list, or one of {', '.join(SETS)}.", param=param)
    if not 0 < len(value) <= MAX_TEMPLATES:
        raise FieldError(f"Send 1 to {MAX_TEMPLATES} templates.", param=param)
    return [_template(item, f"{param}[{index}]") for index, item in enumerate(value)]


def _template(item: Any, param: str) -> str:
    if not isinstance(item, str):
        raise FieldError("A template must be a string.", param=param)
    return labels.read_template(item, param=param)


def check_work(label_count: int, templates: Templates) -> None:
    """Raises FieldError for more texts than one job may bring."""
    template_count = count(templates)
    if label_count * template_count > MAX_TEXTS:
        raise FieldError(
            f"{label_count:,} labels by {template_count:,} templates are"
            f" {label_count * template_count:,} texts, more than the {MAX_TEXTS:,} of one request:"
            " send fewer labels at once, or fewer templates.",
            param="hypothesis_templates",
        )
