"""Support looks jobs up by id, and sees which workers live."""

from django.contrib import admin

from catalog.admin.labeled import LABELED, LabeledInline
from catalog.admin.read_only import ReadOnlyAdmin
from inference.models import Incident, IncidentUpdate, Job, Worker


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin[Job]):
    """Deleting a row would leave its files; the owner's "delete now" takes both."""

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
        # Without this the page would leave out what no form can edit: times, and bytes.
        return [field.name for field in Job._meta.fields]


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin[Worker]):
    """A worker announces itself: what it does not, nobody else knows."""

    list_display = ["name", "pid", "device", "repos", "started_at", "seen_at"]


class IncidentUpdateInline(LabeledInline[IncidentUpdate, Incident]):
    model = IncidentUpdate
    extra = 1


@admin.register(Incident)
class IncidentAdmin(admin.ModelAdmin[Incident]):
    """What visitors read at /status/ when something is wrong."""

    list_display = ["title", "parts", "started_at", "ended_at"]
    list_filter = ["ended_at"]
    search_fields = ["title"]
    formfield_overrides = LABELED
    inlines = [IncidentUpdateInline]
