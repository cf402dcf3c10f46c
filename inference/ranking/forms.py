"""The form: a text, several images or samples, and a model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from catalog.models import ModelCard
from inference import images, jobs
from inference.images import ImageFile, InvalidImage
from inference.kinds.errors import FieldError
from inference.kinds.fields import texts
from inference.kinds.rank import request as rank
from inference.models import Worker
from inference.playground import limits

MIN_IMAGES, MAX_IMAGES = 2, 20
MAX_CHARACTERS = 500
# A page's whole body may have 12 MB (config.settings); parts have names and borders.
MAX_MB = 11
SAMPLES = {"cat": "a cat", "coffee": "a cup of coffee", "rocket": "a rocket"}
SAMPLE_QUERY = "something hot to drink"
NOT_SERVED = "No worker serves that model at the moment. Please choose another, or try again soon."
WRONG_COUNT = f"Please choose {MIN_IMAGES} to {MAX_IMAGES} photos: a single one is always first."


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class RankingForm(forms.Form):
    """`query` and `files` are checked; the job is `job_request`."""

    query = forms.CharField(
        max_length=MAX_CHARACTERS,
        error_messages={
            "required": "Please say what you are looking for.",
            "max_length": f"At most {MAX_CHARACTERS} characters, please.",
        },
    )
    model = forms.ModelChoiceField(
        queryset=ModelCard.objects.all(),
        to_field_name="repo",
        error_messages={"required": NOT_SERVED, "invalid_choice": NOT_SERVED},
    )
    # Django's own FileField knows the last file only: `clean` reads all of them.
    pictures = forms.Field(required=False, widget=FilesInput)
    samples = forms.MultipleChoiceField(required=False, choices=list(SAMPLES.items()))
    idempotency_key = forms.CharField(required=False, max_length=64)

    def __init__(self, *args: Any, count_image: Callable[[], None], **kwargs: Any) -> None:
        """`count_image` counts an image against the visitor's limit; it raises limits.Refused."""
        super().__init__(*args, **kwargs)
        self.count_image = count_image
        self.refusal: limits.Refused | None = None

    def clean_model(self) -> ModelCard:
        card: ModelCard = self.cleaned_data["model"]
        if card.repo not in Worker.objects.served_repos():
            raise forms.ValidationError(NOT_SERVED)
        return card

    def clean_query(self) -> str:
        query: str = self.cleaned_data["query"]
        try:
            texts.check(query, name="What you are looking for", param="query")
        except FieldError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return query

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        uploads = self.files.getlist("pictures")
        if not MIN_IMAGES <= len(uploads) + len(data.get("samples", [])) <= MAX_IMAGES:
            self.add_error("pictures", WRONG_COUNT)
        if self.errors:
            return data
        # What a worker will decode is counted: it comes last, only if all else is valid.
        try:
            data["images"] = [*map(self._upload, uploads), *map(self._sample, data["samples"])]
        except InvalidImage as refusal:
            self.add_error("pictures", str(refusal))
        except limits.Refused as refusal:
            self.refusal = refusal
            self.add_error(None, str(refusal))
        return data

    def _upload(self, upload: "UploadedFile[bytes]") -> ImageFile:
        try:
            # Known before it is read: a large file lies on disk, and would fill the memory.
            if upload.size is not None and upload.size > images.MAX_BYTES:
                raise InvalidImage(images.TOO_MANY_BYTES)
            return self._counted(bytes(upload.read()))
        except InvalidImage as refusal:
            raise InvalidImage(f"{upload.name}: {refusal}") from refusal

    def _sample(self, sample: str) -> ImageFile:
        # Safe, since `sample` is one of the choices by now: no path of a visitor's gets here.
        path: Path = settings.BASE_DIR / "static" / "samples" / f"{sample}.jpg"
        return self._counted(path.read_bytes())

    def _counted(self, content: bytes) -> ImageFile:
        self.count_image()
        return images.check(content)

    @property
    def job_request(self) -> jobs.Request:
        data = self.cleaned_data
        return rank.job_request(data["model"], data["query"], data["images"], keeps_preview=True)
