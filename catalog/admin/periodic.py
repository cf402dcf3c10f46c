"""When each periodic task was done last: read at three in the morning, changed by nobody."""

from django.contrib import admin

from catalog.admin.read_only import ReadOnlyAdmin
from catalog.models import PeriodicTask


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ReadOnlyAdmin[PeriodicTask]):
    list_display = ["name", "interval", "last_started_at", "last_done_at", "last_error"]
    search_fields = ["name"]
