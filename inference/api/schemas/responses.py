"""What is answered, as types that describe it; nothing is converted by them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from inference import kinds
from inference.api.schemas import examples
from inference.kinds.fields.schema import Dollars, shown


class Pricing(BaseModel):
    currency: Literal["USD"]
    image: Dollars
    text_token: Dollars | None = Field(
        description="Of labels and texts that are new to your account. Null until it is known."
    )
    text: Dollars | None = Field(
        description="Of each new text besides, whatever its length: 0 but for models that were"
        " launched before texts were priced by their tokens."
    )
    estimated: bool
    batch_discount_percent: int


class NextPricing(BaseModel):
    """What the model costs from `effective_at` on; requests accepted before keep their price."""

    currency: Literal["USD"]
    image: Dollars
    text_token: Dollars
    effective_at: int


class ModelDetails(BaseModel):
    status: Literal["preview", "live", "deprecated", "coming_soon", "retired"]
    callable: bool
    task: str
    input_modalities: list[str]
    output_modalities: list[str]
    embedding_dim: int | None
    activation: Literal["softmax", "sigmoid"] | None = Field(
        description="What `auto` makes scores with: softmax compares labels, sigmoid takes each by"
        " itself. Null: known once the weights are loaded."
    )
    revision: str | None = Field(
        description="Which weights answer now: the commit, if all files were compared with it, "
        "else `local:` and a fingerprint of them."
    )
    page: str
    deprecation_date: str | None = Field(
        description="Since when it is deprecated, as YYYY-MM-DD in UTC."
    )
    shutdown_date: str | None = Field(
        description="From when on calls are refused, as YYYY-MM-DD in UTC; the header `Sunset` has"
        " the hour."
    )
    successor: str | None = Field(
        description="What to use in place of a deprecated or retired model."
    )
    pricing: Pricing | None
    next_pricing: NextPricing | None = Field(description="A price change that is announced.")


class Architecture(BaseModel):
    """In OpenRouter's words."""

    modality: str
    input_modalities: list[Literal["text", "image"]]
    output_modalities: list[Literal["embeddings", "rerank"]]


class TokenPricing(BaseModel):
    """In OpenRouter's words: US dollars as strings, for a token of a text and for an image."""

    prompt: str
    completion: str
    image: str


class TopProvider(BaseModel):
    context_length: int | None
    max_completion_tokens: None
    is_moderated: bool


class ModelLinks(BaseModel):
    details: str


class ModelObject(BaseModel):
    """OpenAI's model, and what OpenRouter's SDK reads beside it; ours is under `gigarouter`."""

    model_config = shown(examples.MODEL)

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    shutdown_date: str | None
    name: str
    canonical_slug: str
    hugging_face_id: str | None
    description: str
    context_length: int | None = Field(description="Tokens; null until it is known.")
    architecture: Architecture
    pricing: TokenPricing
    top_provider: TopProvider
    per_request_limits: None
    supported_parameters: list[str]
    supported_voices: None
    default_parameters: None
    links: ModelLinks
    gigarouter: ModelDetails


class ListLinks(BaseModel):
    next: None


class ModelList(BaseModel):
    model_config = shown(examples.MODEL_LIST)

    object: Literal["list"]
    data: list[ModelObject]
    links: ListLinks
    total_count: int


class ErrorDetails(BaseModel):
    message: str
    type: str
    param: str | None
    code: str
    metadata: dict[str, Any]
    request_id: str | None = None


class ErrorAnswer(BaseModel):
    error: ErrorDetails


class _KindNames:
    # Listed when the document is made, not when this is imported: see `inference.kinds`.
    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "enum": list(kinds.KINDS)}


class _KindResults:
    # The route of each kind has put the schema of its answer among the components.
    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        names = [kind.endpoint.answer.__name__ for kind in kinds.KINDS.values()]
        results = [{"$ref": f"#/components/schemas/{name}"} for name in names]
        return {"anyOf": [*results, {"type": "null"}]}


Kind = Annotated[str, _KindNames()]
Result = Annotated[dict[str, Any] | None, _KindResults()]


class JobUrls(BaseModel):
    get: str
    cancel: str
    events: str


class JobInShort(BaseModel):
    id: str
    object: Literal["job"]
    kind: Kind
    model: str
    status: Literal["queued", "warming", "running", "succeeded", "failed", "canceled", "expired"]
    created_at: int
    started_at: int | None
    finished_at: int | None
    cost: float = Field(description="US dollars.", examples=[0.000094])
    cost_usd: Dollars
    error: ErrorDetails | None
    urls: JobUrls


class JobObject(JobInShort):
    model_config = shown(examples.WAITING_JOB)

    queue_position: int | None = Field(description="How many jobs come before it.")
    eta_s: list[int] | None = Field(description="Seconds to go: at least, at most.")
    result: Result


class DeletedJob(BaseModel):
    model_config = shown(examples.DELETED_JOB)

    id: str
    object: Literal["job"]
    deleted: Literal[True]


class JobList(BaseModel):
    model_config = shown(examples.JOB_LIST)

    object: Literal["list"]
    data: list[JobInShort]
    has_more: bool
    first_id: str | None
    last_id: str | None


class UnitPrices(BaseModel):
    image: Dollars
    text_token: Dollars
    text: Dollars


class Quote(BaseModel):
    model_config = shown(examples.QUOTE)

    object: Literal["quote"]
    endpoint: str
    model: str
    callable: bool = Field(description="Whether the call would be answered now.")
    currency: Literal["USD"]
    images: int
    texts: int = Field(description="Labels are read in each template.")
    max_text_tokens: int
    unit_prices: UnitPrices
    estimated: bool = Field(description="The model is not live yet; its launch sets the price.")
    min_cost: Dollars = Field(
        description="If your account has sent all texts before, and they are still kept."
    )
    max_cost: Dollars = Field(description="What is held for the call; it never costs more.")
    max_cost_in_batch: Dollars
    available: Dollars
    covered: bool = Field(description="Whether your credit, and the key's limit, cover `max_cost`.")


class KeyDetails(BaseModel):
    id: int
    name: str
    begins_with: str
    ends_with: str
    spent: Dollars
    held: Dollars
    limit: Dollars | None
    left: Dollars | None
    expires_at: int | None


class Account(BaseModel):
    model_config = shown(examples.ACCOUNT)

    object: Literal["account"]
    available: Dollars
    held: Dollars
    keys: list[KeyDetails]
