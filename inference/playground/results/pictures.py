"""Pictures of strangers, as responses that can do nothing but be looked at."""

from django.http import Http404, HttpResponse

from catalog.infrastructure import storage
from inference.models import Job


def preview_response(job: Job) -> HttpResponse:
    """The small copy of the job's picture; raises Http404."""
    try:
        return picture_response(storage.read(job.preview_file), "image/jpeg")
    except FileNotFoundError:
        raise Http404("the preview is gone") from None


def picture_response(content: bytes, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    # Should a browser ever take a stranger's bytes for a page, it may do nothing.
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
