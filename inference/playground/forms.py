"""The playground's form: an image or a sample, a model, labels and the prompt around them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from catalog.models import ModelCard
from inference import images, jobs
from inference.kinds.classify import request as classify
from inference.models import Worker
from inference.playground import limits, prompts
from inference.playground.labels import MAX_CHARACTERS, InvalidLabels, parse
from inference.playground.prompts import InvalidPrompts, Prompts

SAMPLES = {"cat": "a cat", "coffee": "a cup of coffee", "rocket": "a rocket"}
MAX_PROMPTS_CHARACTERS = 25_000
SAMPLE_LABELS = "a cat\na dog\na car"
NOT_SERVED = "No worker serves that model at the moment. Please choose another, or try again soon."


class PlaygroundForm(forms.Form):
    model = forms.ModelChoiceField(
        queryset=ModelCard.objects.all(),
        to_field_name="repo",
        error_messages={"required": NOT_SERVED, "invalid_choice": NOT_SERVED},
    )
    picture = forms.FileField(
        required=False,
        max_length=255,
        error_messages={"empty": "That file is empty. Please choose another."},
    )
    sample = forms.ChoiceField(required=False, choices=list(SAMPLES.items()))
    # Not stripped: line breaks separate labels, and `parse` cleans each.
    labels = forms.CharField(
        strip=False, error_messages={"required": "Please type at least one label."}
    )
    prompts = forms.ChoiceField(required=False, choices=Prompts.choices)
    template = forms.CharField(required=False, max_length=MAX_CHARACTERS)
    templates = forms.CharField(required=False, strip=False, max_length=MAX_PROMPTS_CHARACTERS)
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

    def clean_labels(self) -> list[str]:
        try:
            return parse(self.cleaned_data["labels"])
        except InvalidLabels as refusal:
            raise forms.ValidationError(str(refusal)) from refusal

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self._clean_prompts(data)
        if self.errors:
            return data
        # What a worker will decode is counted: it comes last, only if all else is valid.
        try:
            content = self._bytes(data)
            self.count_image()
            data["image"] = images.check(content)
        except images.InvalidImage as refusal:
            self.add_error("picture", str(refusal))
        except limits.Refused as refusal:
            self.refusal = refusal
            self.add_error(None, str(refusal))
        return data

    @property
    def chosen_prompts(self) -> Prompts:
        # To be shown again, whatever was sent.
        sent = self.data.get("prompts")
        return Prompts(sent) if sent in Prompts.values else Prompts.ONE

    def _clean_prompts(self, data: dict[str, Any]) -> None:
        choice = self.chosen_prompts
        field = {Prompts.ONE: "template", Prompts.OWN: "templates"}.get(choice, "prompts")
        try:
            data["around"] = prompts.parse(
                choice, one=data.get("template", ""), own=data.get("templates", "")
            )
            prompts.check_work(label_count=len(data.get("labels", [])), prompts=data["around"])
        except InvalidPrompts as refusal:
            self.add_error(field, str(refusal))

    def _bytes(self, data: dict[str, Any]) -> bytes:
        upload: UploadedFile[bytes] | None = data.get("picture")
        if upload is None:
            return self._sample_bytes(data.get("sample"))
        # Known before it is read: a large file lies on disk, and would fill the memory.
        if upload.size is not None and upload.size > images.MAX_BYTES:
            raise images.InvalidImage(images.TOO_MANY_BYTES)
        return bytes(upload.read())

    def _sample_bytes(self, sample: str | None) -> bytes:
        if not sample:
            raise images.InvalidImage("Please choose a picture, or one of the samples.")
        # Safe, since `sample` is one of the choices by now: no path of a visitor's gets here.
        path: Path = settings.BASE_DIR / "static" / "samples" / f"{sample}.jpg"
        return path.read_bytes()

    @property
    def job_request(self) -> jobs.Request:
        data = self.cleaned_data
        return classify.job_request(
            data["model"],
            [data["image"]],
            labels=data["labels"],
            template=data["around"],
            keeps_preview=True,
        )
