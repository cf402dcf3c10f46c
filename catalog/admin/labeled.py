"""Rows of the admin whose fields have a name for those who hear the page.

Django's tabular inlines name a field only by the head of its column, which is no label; of a time
it has two fields under one heading.
"""

from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db import models
from django.forms.models import BaseInlineFormSet

Row = TypeVar("Row", bound=models.Model)
Parent = TypeVar("Parent", bound=models.Model)


class LabeledFormSet(BaseInlineFormSet[Any, Any, Any]):
    def add_fields(self, form: forms.ModelForm[Any], index: int | None) -> None:
        super().add_fields(form, index)
        # No index: the empty row that the page's script copies.
        row = form.instance._meta.verbose_name
        number = "" if index is None else f" {index + 1}"
        for name, field in form.fields.items():
            if not field.widget.is_hidden:
                label = field.label or name.replace("_", " ")
                # A copied wrapper keeps its original's attributes, and renders only what it wraps.
                widget: forms.Widget = getattr(field.widget, "widget", None) or field.widget
                widget.attrs["aria-label"] = f"{label}, {row}{number}"


class LabeledDateTime(AdminSplitDateTime):
    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        label = context["widget"]["attrs"].get("aria-label")
        for part, widget in zip(["date", "time"], context["widget"]["subwidgets"], strict=True):
            widget["attrs"]["aria-label"] = f"{label}, {part}" if label else part
        return context


LABELED: dict[type[models.Field[Any, Any]], dict[str, Any]] = {
    models.DateTimeField: {"widget": LabeledDateTime}
}


class LabeledInline(admin.TabularInline[Row, Parent]):
    formset = LabeledFormSet
    formfield_overrides = LABELED
    template = "admin/labeled_inline.html"
