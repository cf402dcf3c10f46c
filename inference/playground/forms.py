"""What the playground's forms ask: a model, labels, the prompt around them, and a picture.

QuestionForm      root: everything but the picture
PlaygroundForm    a picture of one's own, its address, one kept from a form with an error, a sample
AgainForm         the picture that a result has kept
"""

import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from catalog.limits import Refused
from catalog.models import ModelCard
from inference import images, jobs
from inference.kinds.classify import request as classify
from inference.kinds.fields.labels import NONE_OF_THESE, SOMETHING_ELSE
from inference.models import Worker
from inference.playground import prompts, samples
from inference.playground.labels import MAX_CHARACTERS, InvalidLabels, parse
from inference.playground.prompts import InvalidPrompts, Prompts

MAX_PROMPTS_CHARACTERS = 25_000
MAX_URL_CHARACTERS = 2048
NOT_SERVED = "No worker serves that model at the moment. Please choose another, or try again soon."
NO_PICTURE = "Please choose a picture, or one of the samples."
RESERVED = "“{}” is what the box below adds. Take it off your labels, or uncheck the box."


class QuestionForm(forms.Form):
    model = forms.ModelChoiceField(
        queryset=ModelCard.objects.all(),
        to_field_name="repo",
        error_messages={"required": NOT_SERVED, "invalid_choice": NOT_SERVED},
    )
    # Not stripped: line breaks separate labels, and `parse` cleans each.
    labels = forms.CharField(
        strip=False, error_messages={"required": "Please type at least one label."}
    )
    none_of_these = forms.BooleanField(required=False)
    prompts = forms.ChoiceField(required=False, choices=Prompts.choices)
    template = forms.CharField(required=False, max_length=MAX_CHARACTERS)
    templates = forms.CharField(required=False, strip=False, max_length=MAX_PROMPTS_CHARACTERS)
    idempotency_key = forms.CharField(required=False, max_length=64)

    def __init__(self, *args: Any, count_image: Callable[[], None], **kwargs: Any) -> None:
        """`count_image` counts an image against the visitor's limit; it raises limits.Refused."""
        super().__init__(*args, **kwargs)
        self.count_image = count_image
        self.refusal: Refused | None = None

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
        self._clean_none_of_these(data)
        self._clean_prompts(data)
        if self.errors:
            return data
        # What a worker will decode is counted: it comes last, only if all else is valid.
        try:
            data["image"] = images.check(self.read_picture(data))
        except images.InvalidImage as refusal:
            self.add_error("picture" if "picture" in self.fields else None, str(refusal))
        except Refused as refusal:
            self.refusal = refusal
            self.add_error(None, str(refusal))
        return data

    def read_picture(self, data: dict[str, Any]) -> bytes:
        """Counts the picture; raises images.InvalidImage and limits.Refused."""
        raise NotImplementedError

    @property
    def chosen_prompts(self) -> Prompts:
        # To be shown again, whatever was sent.
        sent = self.data.get("prompts")
        return Prompts(sent) if sent in Prompts.values else Prompts.ONE

    def _clean_none_of_these(self, data: dict[str, Any]) -> None:
        # Both stand for the added label: the result could not tell them apart.
        taken = {NONE_OF_THESE, SOMETHING_ELSE}.intersection(data.get("labels", []))
        if data.get("none_of_these") and taken:
            self.add_error("labels", RESERVED.format(min(taken)))

    def _clean_prompts(self, data: dict[str, Any]) -> None:
        choice = self.chosen_prompts
        field = {Prompts.ONE: "template", Prompts.OWN: "templates"}.get(choice, "prompts")
        try:
            data["around"] = prompts.parse(
                choice, one=data.get("template", ""), own=data.get("templates", "")
            )
            prompts.check_work(
                label_count=len(data.get("labels", [])) + bool(data.get("none_of_these")),
                prompts=data["around"],
            )
        except InvalidPrompts as refusal:
            self.add_error(field, str(refusal))

    @property
    def job_request(self) -> jobs.Request:
        data = self.cleaned_data
        return classify.job_request(
            data["model"],
            [data["image"]],
            labels=data["labels"],
            template=data["around"],
            none_of_these=data["none_of_these"],
            keeps_preview=True,
        )


class PlaygroundForm(QuestionForm):
    picture = forms.FileField(
        required=False,
        max_length=255,
        error_messages={"empty": "That file is empty. Please choose another."},
    )
    # Phones: the same, straight from the camera.
    camera = forms.FileField(required=False, max_length=255)
    picture_url = forms.CharField(required=False, max_length=MAX_URL_CHARACTERS)
    draft = forms.UUIDField(required=False)
    sample = forms.ChoiceField(required=False, choices=samples.CHOICES)

    def __init__(
        self,
        *args: Any,
        fetch: Callable[[str], bytes],
        read_draft: Callable[[uuid.UUID], bytes],
        **kwargs: Any,
    ) -> None:
        """`fetch` has a worker get the picture at an address; `read_draft` reads one that was kept.

        Both raise images.InvalidImage.
        """
        super().__init__(*args, **kwargs)
        self.fetch = fetch
        self.read_draft = read_draft

    @property
    def upload(self) -> UploadedFile[bytes] | None:
        """As it was sent, whatever else is wrong with the form; None: no file, or an empty one."""
        files = (self.files.get(name) for name in ("picture", "camera"))
        return next((file for file in files if file), None)

    def read_picture(self, data: dict[str, Any]) -> bytes:
        # What a visitor has just chosen wins over what was there before.
        if self.upload:
            content = read_upload(self.upload)
            self.count_image()
            return content
        if data.get("picture_url"):
            self.count_image()  # first: a fetch is work, too
            return self.fetch(data["picture_url"])
        content = self._kept_or_sample(data)
        self.count_image()
        return content

    def _kept_or_sample(self, data: dict[str, Any]) -> bytes:
        sample = data.get("sample")
        if sample == samples.KEPT and data.get("draft"):
            return self.read_draft(data["draft"])
        if sample and sample != samples.KEPT:
            return samples.read(sample)
        raise images.InvalidImage(NO_PICTURE)


def read_upload(upload: UploadedFile[bytes]) -> bytes:
    # Known before it is read: a large file lies on disk, and would fill the memory.
    if upload.size is not None and upload.size > images.MAX_BYTES:
        raise images.InvalidImage(images.TOO_MANY_BYTES)
    upload.seek(0)
    return bytes(upload.read())


class AgainForm(QuestionForm):
    def __init__(self, *args: Any, read_kept: Callable[[], bytes], **kwargs: Any) -> None:
        """`read_kept` raises images.InvalidImage when the picture is gone."""
        super().__init__(*args, **kwargs)
        self.read_kept = read_kept

    def read_picture(self, data: dict[str, Any]) -> bytes:
        content = self.read_kept()
        self.count_image()
        return content
