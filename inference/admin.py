"""Support looks jobs up by id, and sees which workers live."""

from django.contrib import admin
from django.http import HttpRequest

from inference.models import Job, Worker


@admin.register(Job)
class JobAdmin(admin.ModelAdmin[Job]):
    list_display = [
        "id",
        "card",
        "state",
        "error_code",
        "attempt",
        "worker",
        "created_at",
        "finished_at",
    ]
    list_filter = ["state", "error_code"]
    list_select_related = ["card"]
    search_fields = ["=id"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Job | None = None) -> bool:
        """Deleting a row would leave its files; the owner's "delete now" takes both."""
        return False

    def get_readonly_fields(self, *_: object) -> list[str]:
        """A job changes by its verbs only."""
        return [field.name for field in Job._meta.fields]


@admin.register(Worker)
class WorkerAdmin(admin.ModelAdmin[Worker]):
    list_display = ["name", "pid", "device", "repos", "started_at", "seen_at"]
