"""Support looks jobs up by id, and sees which workers live."""

from django.contrib import admin

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

    def get_readonly_fields(self, *_: object) -> list[str]:
        """A job changes by its verbs only."""
        return [field.name for field in Job._meta.fields]


@admin.register(Worker)
class WorkerAdmin(admin.ModelAdmin[Worker]):
    list_display = ["name", "pid", "device", "repos", "started_at", "seen_at"]
