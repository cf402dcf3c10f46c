"""What has become of a part's lines, as the output file and the error file say it."""

import json
import uuid
from collections.abc import Iterable
from typing import Any

from catalog.numbers.money import usd
from catalog.pricing import batch as pricing
from inference.api import errors
from inference.api.batches import lines
from inference.api.flow import serializers
from inference.api.resources import job_object
from inference.batches import parts
from inference.batches.files import Piece
from inference.batches.parts import Results
from inference.models import BatchPart, ErrorCode, Job, Line, LineError, State

# What JSON is made of.
Json = dict[str, Any]
EXPIRED = "This line was not run within the batch's completion window. Nothing was charged for it."
CANCELED = "This line was not run before the batch was canceled. Nothing was charged for it."


def results_of(part: BatchPart) -> Results:
    """Of a part whose jobs have ended."""
    by_id = {job.pk: job for job in parts.jobs_of(part).select_related("card")}
    output: list[bytes] = []
    failed: list[bytes] = []
    full_micro_usd = 0
    for index, line in enumerate(part.lines or []):
        job_id = part.job_id(index)
        job = by_id.get(job_id)
        if job and job.state == State.SUCCEEDED:
            output.append(_answered(job, line, part))
            full_micro_usd += job.cost_micro_usd or 0
        else:
            failed.append(_failed(job_id, line, line.get("error") or _error_of(job)))
    return Results(_piece(output), _piece(failed), full_micro_usd)


def _piece(texts: Iterable[bytes]) -> Piece:
    written = list(texts)
    return Piece(b"".join(written), len(written))


def _answered(job: Job, line: Line, part: BatchPart) -> bytes:
    body = serializers.native(job)
    dollars = usd(pricing.discounted(job.cost_micro_usd or 0))
    body["usage"] |= {
        "cost": float(dollars),
        "cost_usd": dollars,
        "ledger_entry": part.hold_reference,
    }
    response = {"status_code": 200, "request_id": job.pk.hex, "body": body}
    return _text(job.pk, line, response, None)


def _failed(job_id: uuid.UUID, line: Line, error: LineError) -> bytes:
    if not error["status"]:  # it was not tried
        return _text(job_id, line, None, {"code": error["code"], "message": error["message"]})
    details = {
        "message": error["message"],
        "type": error["type"],
        "param": error["param"],
        "code": error["code"],
    }
    response = {
        "status_code": error["status"],
        "request_id": job_id.hex,
        "body": {"error": details},
    }
    return _text(job_id, line, response, None)


def _text(job_id: uuid.UUID, line: Line, response: Json | None, error: Json | None) -> bytes:
    content = {
        "id": f"batch_req_{job_id.hex}",
        "custom_id": line["custom_id"],
        "response": response,
        "error": error,
    }
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _error_of(job: Job | None) -> LineError:
    if job is None:
        return lines.line_error(errors.InternalError())
    if job.state == State.CANCELLED:
        return not_run("batch_cancelled", CANCELED)
    if job.error_code == ErrorCode.DEADLINE:
        return not_run("batch_expired", EXPIRED)
    return lines.line_error(job_object.error_of(job))


def not_run(code: str, message: str) -> LineError:
    return LineError(status=0, code=code, message=message, param=None, type="")
