"""Files and batches as they are answered, in OpenAI's shapes."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from inference.kinds.fields.schema import Body, Dollars, shown

EXAMPLE_FILE = "file-0d3b2ac1c8f64b0b9a1f2d8f0c1e7a55"

EXAMPLE_BATCH = "batch_5b1f0c9e2a7d4e0f8c3b6a9d2e1f4c70"
CREATED = 1796038205
FILE: dict[str, Any] = {
    "id": EXAMPLE_FILE,
    "object": "file",
    "bytes": 1834,
    "created_at": CREATED,
    "expires_at": CREATED + 2_592_000,
    "filename": "requests.jsonl",
    "purpose": "batch",
    "status": "processed",
    "status_details": None,
}
BATCH: dict[str, Any] = {
    "id": EXAMPLE_BATCH,
    "object": "batch",
    "endpoint": "/v1/embeddings",
    "errors": None,
    "input_file_id": EXAMPLE_FILE,
    "completion_window": "24h",
    "status": "in_progress",
    "output_file_id": None,
    "error_file_id": None,
    "created_at": CREATED,
    "in_progress_at": CREATED + 4,
    "expires_at": CREATED + 86_400,
    "finalizing_at": None,
    "completed_at": None,
    "failed_at": None,
    "expired_at": None,
    "cancelling_at": None,
    "cancelled_at": None,
    "request_counts": {"total": 2000, "completed": 1250, "failed": 0},
    "metadata": {"run": "november"},
    "gigarouter": {
        "cost": "0.005",
        "page": "https://example.com/batches/5b1f0c9e-2a7d-4e0f-8c3b-6a9d2e1f4c70/",
    },
}


def _page(item: dict[str, Any]) -> dict[str, Any]:
    ids = {"first_id": item["id"], "last_id": item["id"]}
    return {"object": "list", "data": [item], "has_more": False, **ids}


class FileObject(BaseModel):
    model_config = shown(FILE)

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int = Field(description="When it is deleted, unless you delete it before.")
    filename: str
    purpose: Literal["batch", "batch_output"]
    status: Literal["processed"]


class FileList(BaseModel):
    model_config = shown(_page(FILE))

    object: Literal["list"]
    data: list[FileObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class DeletedFile(BaseModel):
    model_config = shown({"id": EXAMPLE_FILE, "object": "file", "deleted": True})

    id: str
    object: Literal["file"]
    deleted: bool


class BatchProblem(BaseModel):
    code: str
    message: str
    param: str | None
    line: int | None = Field(description="Of the input file, from 1.")


class BatchProblems(BaseModel):
    object: Literal["list"]
    data: list[BatchProblem]


class RequestCounts(BaseModel):
    total: int
    completed: int
    failed: int


class BatchDetails(BaseModel):
    cost: Dollars = Field(description="What was charged so far, in US dollars.")
    page: str


class BatchObject(BaseModel):
    model_config = shown(BATCH)

    id: str
    object: Literal["batch"]
    endpoint: str
    errors: BatchProblems | None = Field(description="Why the input file could not be run.")
    input_file_id: str
    completion_window: Literal["24h"]
    status: Literal[
        "validating",
        "failed",
        "in_progress",
        "finalizing",
        "completed",
        "expired",
        "cancelling",
        "cancelled",
    ]
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    metadata: dict[str, str] | None
    gigarouter: BatchDetails


class BatchList(BaseModel):
    model_config = shown(_page(BATCH))

    object: Literal["list"]
    data: list[BatchObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class OutputExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"]
    seconds: int = Field(ge=3600, le=2_592_000)


class BatchBody(Body):
    """A file to run, and against which endpoint."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "input_file_id": EXAMPLE_FILE,
                    "endpoint": "/v1/embeddings",
                    "completion_window": "24h",
                }
            ]
        },
    )

    input_file_id: str = Field(max_length=64)
    endpoint: str = Field(max_length=200, description="The `url` that all lines have.")
    completion_window: Literal["24h"]
    metadata: dict[str, str] | None = Field(
        default=None,
        description="Up to 16 pairs of your own: names of 64 characters, values of 512.",
    )
    output_expires_after: OutputExpiresAfter | None = Field(
        default=None, description="How long the files of results are kept."
    )


LINE = (
    '{"custom_id": "1", "method": "POST", "url": "/v1/embeddings",'
    ' "body": {"model": "gigarouter/conse-demo", "input": "a photo of a cat"}}'
)
# Any: parts of an OpenAPI document.
UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "JSON lines, each with `custom_id`, `method`, `url` and"
                            " `body`.",
                        },
                        "purpose": {"type": "string", "enum": ["batch"]},
                        "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                        "expires_after[seconds]": {
                            "type": "integer",
                            "minimum": 3600,
                            "maximum": 2592000,
                        },
                    },
                },
                "example": {"file": LINE, "purpose": "batch"},
            }
        },
    }
}
