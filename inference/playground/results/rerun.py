"""Running again on the picture that a result has kept.

What is kept is a small copy (images.PREVIEW_SIDE), so a rerun scores that, and its scores may
differ a little from those of the file that was sent. All reruns of one picture score the same
bytes: those of the first result, as long as it is there. Each gets its own copy of them, as every
job does (ADR 6), and its own time to keep it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from catalog.infrastructure import storage
from inference import images, jobs
from inference.kinds.classify import request as classify
from inference.kinds.classify.template_sets import SETS
from inference.models import Job, JobQuerySet
from inference.playground.context import question_context
from inference.playground.forms import AgainForm
from inference.playground.prompts import Prompts

PICTURE_OF = "picture_of"  # in a job's options: whose kept picture it scored
GONE = "The picture is no longer here, so nothing was run. Start again with the picture itself."


def is_possible(job: Job) -> bool:
    return job.is_final and job.kind == classify.NAME and bool(job.preview_file)


def picture_job(job: Job, visible: JobQuerySet) -> Job:
    """Whose picture to score: the first result's, or this one's if that is gone."""
    first = job.options.get(PICTURE_OF)
    if not first:
        return job
    return visible.filter(pk=uuid.UUID(first)).exclude(preview_file="").first() or job


def read_picture(job: Job) -> bytes:
    """Raises images.InvalidImage if it has been deleted meanwhile."""
    try:
        return storage.read(job.preview_file)
    except FileNotFoundError:
        raise images.InvalidImage(GONE) from None


def submit(form: AgainForm, *, requester: jobs.Requester, picture_job: Job) -> Job:
    asked = form.job_request
    return jobs.submit(
        replace(asked, options={**asked.options, PICTURE_OF: str(picture_job.pk)}),
        requester=requester,
        idempotency_key=form.cleaned_data["idempotency_key"],
    )


def context(job: Job, form: AgainForm | None) -> Mapping[str, object]:
    """Of the form on a result: as it was just sent, else as the job was asked."""
    shown = {**question_context(job.card.repo), "form": form or _as_asked(job), "is_again": True}
    if form is None:
        return shown | {"chosen_prompts": _choice(job)}
    return shown | {"chosen_prompts": form.chosen_prompts, "has_errors": True}


def status(form: AgainForm, *, is_htmx: bool) -> HTTPStatus:
    """Of a form with an error. htmx shows what comes with a 422 in place, and nothing of a 503;
    with DEBUG, django-htmx would put a 400 in the place of the whole page.
    """
    if is_htmx:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus(form.refusal.status) if form.refusal else HTTPStatus.BAD_REQUEST


class AsAsked:
    """Enough of a form for the template: `data`, and no errors."""

    errors: Mapping[str, object] = {}

    def __init__(self, data: Mapping[str, object]) -> None:
        self.data = data


def _as_asked(job: Job) -> AsAsked:
    payload = classify.payload_of(job)
    choice = _choice(job)
    return AsAsked(
        {
            "labels": "\n".join(classify.own_labels(job)),
            "none_of_these": job.options.get("none_of_these"),
            "template": payload["template"] if choice is Prompts.ONE else "",
            "templates": "\n".join(payload.get("templates") or []),
            "model": job.card.repo,
        }
    )


def _choice(job: Job) -> Prompts:
    payload = classify.payload_of(job)
    if payload.get("templates"):
        return Prompts.OWN
    return Prompts(payload["template"]) if payload["template"] in SETS else Prompts.ONE
