"""Files and batches as they are answered, in OpenAI's shapes."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from inference.kinds.fields.schema import Body, Dollars

EXAMPLE_FILE = "file-0d3b2ac1c8f64b0b9a1f2d8f0c1e7a55"


class FileObject(BaseModel):
    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int = Field(description="When it is deleted, unless you delete it before.")
    filename: str
    purpose: Literal["batch", "batch_output"]
    status: Literal["processed"]


class FileList(BaseModel):
    object: Literal["list"]
    data: list[FileObject]
    has_more: bool
    first_id: str | None
    last_id: str | None


class DeletedFile(BaseModel):
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
                }
            }
        },
    }
}
