"""Admins and inlines for rows that people look at, and that only verbs change."""

from typing import Any, TypeVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from catalog.admin.audited import Audited
from catalog.admin.labeled import LabeledInline
from catalog.models import ModelCard

Row = TypeVar("Row", bound=models.Model)


class ReadOnlyAdmin(admin.ModelAdmin[Row]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False


class ChangedByActions(Audited[Row]):
    """Whoever may change these rows does it by actions; no field is edited."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, *_: object) -> list[str]:
        return [field.name for field in self.model._meta.fields]


class ReadOnlyInline(LabeledInline[Row, ModelCard]):
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: ModelCard | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
