"""The form that starts a comparison: labels, two to four columns, and up to four photos or none.

With scripts the photos follow one by one, so that no body is large; without, up to four come along.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from catalog.models import ModelCard
from inference import images
from inference.comparing import columns
from inference.comparing.columns import MAX_COLUMNS, Column, InvalidColumns
from inference.comparing.photos import Upload, cleaned_name
from inference.kinds.classify.templates import Templates
from inference.models import Worker
from inference.playground import labels, prompts
from inference.playground.labels import MAX_CHARACTERS, InvalidLabels
from inference.playground.prompts import InvalidPrompts, Prompts

MAX_PHOTOS_PER_FORM = 4
# What each column may choose; "own" is a prompt of its own.
PROMPTS = [
    ("one", "the prompt above"),
    ("openai-7", "7 prompts, averaged"),
    ("openai-80", "80 prompts, averaged"),
    ("own", "another prompt"),
]
NOT_SERVED = "No worker serves {repo} at the moment. Please choose another model for column {n}."


class StartForm(forms.Form):
    # Not stripped: line breaks separate labels, and `parse` cleans each.
    labels = forms.CharField(
        strip=False, error_messages={"required": "Please type at least two labels."}
    )
    template = forms.CharField(required=False, max_length=MAX_CHARACTERS)
    photo_count = forms.IntegerField(required=False, min_value=0, max_value=10_000)
    idempotency_key = forms.CharField(required=False, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(1, MAX_COLUMNS + 1):
            self.fields[f"model_{number}"] = forms.CharField(required=False, max_length=200)
            self.fields[f"prompts_{number}"] = forms.ChoiceField(required=False, choices=PROMPTS)
            self.fields[f"template_{number}"] = forms.CharField(
                required=False, max_length=MAX_CHARACTERS
            )

    def clean_labels(self) -> list[str]:
        try:
            parsed = labels.parse(self.cleaned_data["labels"])
        except InvalidLabels as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        if len(parsed) < 2:
            # Softmax over one label is always 1, and every model would agree.
            raise forms.ValidationError(
                "Please type at least two labels: with one there is nothing to compare."
            )
        return parsed

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            self._clean_columns(data)
        self._clean_photos(data)
        return data

    @property
    def uploads(self) -> list[Upload]:
        return uploads_of(self.files.getlist("photos"))

    def _clean_columns(self, data: dict[str, Any]) -> None:
        chosen = []
        for number in range(1, MAX_COLUMNS + 1):
            if data[f"model_{number}"]:
                try:
                    chosen.append(self._column(number, data))
                except InvalidPrompts as refusal:
                    self.add_error(f"template_{number}", f"Column {number}: {refusal}")
                except InvalidColumns as refusal:
                    self.add_error(f"model_{number}", str(refusal))
        if not self.errors:
            try:
                columns.check(chosen)
            except InvalidColumns as refusal:
                self.add_error("model_2", str(refusal))
        data["columns"] = chosen

    def _column(self, number: int, data: dict[str, Any]) -> Column:
        repo = data[f"model_{number}"]
        card = ModelCard.objects.filter(repo=repo).first()
        if card is None or repo not in Worker.objects.served_repos():
            raise InvalidColumns(NOT_SERVED.format(repo=repo, n=number))
        templates = self._templates(number, data)
        prompts.check_work(label_count=len(data["labels"]), prompts=templates)
        return Column(repo, templates, card)

    def _templates(self, number: int, data: dict[str, Any]) -> Templates:
        choice = data[f"prompts_{number}"] or "one"
        if choice == "own":
            return prompts.parse(Prompts.ONE, one=data[f"template_{number}"], own="")
        return prompts.parse(Prompts(choice), one=data["template"], own="")

    def _clean_photos(self, data: dict[str, Any]) -> None:
        files = len(self.files.getlist("photos"))
        data["photo_count"] = files or data.get("photo_count") or 0
        if not data["photo_count"]:
            self.add_error(None, "Please choose at least one photo.")
        elif files > MAX_PHOTOS_PER_FORM:
            self.add_error(
                None,
                f"That is {files} photos; without scripts, send up to {MAX_PHOTOS_PER_FORM} at a"
                " time. You can add more on the next page.",
            )


def uploads_of(files: Sequence[UploadedFile[bytes]], *, name: str = "") -> list[Upload]:
    """`name` goes before the file's own: browsers leave its folder out."""
    return [
        Upload(
            cleaned_name(name or file.name or ""),
            # A large file lies on disk, and would fill the memory.
            None if (file.size or 0) > images.MAX_BYTES else bytes(file.read()),
        )
        for file in files
    ]
