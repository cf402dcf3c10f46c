"""Rows of the admin whose fields have a name for those who hear the page.

Django's tabular inlines name a field only by the head of its column, which is no label.
"""

from typing import Any, TypeVar

from django import forms
from django.contrib import admin
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
                field.widget.attrs["aria-label"] = f"{label}, {row}{number}"


class LabeledInline(admin.TabularInline[Row, Parent]):
    formset = LabeledFormSet
