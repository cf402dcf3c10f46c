"""Support finds who waits for what, and exports the list of a model; nobody edits it by hand."""

import csv
import logging

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from catalog.admin.read_only import ReadOnlyAdmin
from catalog.demand import subscribers
from catalog.models import Subscriber, WaitlistEntry

log = logging.getLogger(__name__)

COLUMNS = [
    "model",
    "email",
    "requested_at",
    "confirmed_at",
    "left_at",
    "consent_text",
    "has_account",
]
# A spreadsheet takes a cell that begins so for a formula, and an address may.
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")


# Read only, because it is proof of what was agreed to, when and from where.
@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(ReadOnlyAdmin[WaitlistEntry]):
    list_display = ["card", "subscriber", "requested_at", "confirmed_at", "left_at"]
    list_filter = [
        ("confirmed_at", admin.EmptyFieldListFilter),
        ("left_at", admin.EmptyFieldListFilter),
        "requested_at",
    ]
    list_select_related = ["card", "subscriber"]
    search_fields = ["subscriber__email", "card__repo", "card__name"]
    ordering = ["-requested_at"]
    # Not the hash of the link's secret: nobody needs it.
    fields = [
        "card",
        "subscriber",
        "requested_at",
        "confirmed_at",
        "left_at",
        "consent_text",
        "consent_address_sha256",
    ]
    actions = ["export_csv"]

    @admin.action(description="export as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, entries: QuerySet[WaitlistEntry]) -> HttpResponse:
        rows = list(entries.select_related("card", "subscriber").order_by("card__repo", "pk"))
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="waitlist.csv"'
        writer = csv.writer(response)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(entry) for entry in rows)
        LogEntry.objects.log_actions(request.user.pk, rows, CHANGE, "Exported as CSV.")  # type: ignore[arg-type]  # signed in: the admin has let nobody else come this far
        return response


@admin.register(Subscriber)
class SubscriberAdmin(ReadOnlyAdmin[Subscriber]):
    list_display = ["email", "user", "created_at"]
    list_select_related = ["user"]
    search_fields = ["email"]
    # Not the key: it opens the person's preference page.
    fields = ["email", "user", "created_at"]
    actions = ["forget"]

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.delete_subscriber")

    # Not by Django's own action: that would keep the address in the admin's log.
    @admin.action(description="delete with all they wait for", permissions=["forget"])
    def forget(self, request: HttpRequest, selected: QuerySet[Subscriber]) -> None:
        count = subscribers.forget(selected)
        log.info("subscribers deleted by=%s count=%s", request.user.pk, count)
        self.message_user(request, f"Deleted {count} from the waitlists.", messages.SUCCESS)


def _cells(entry: WaitlistEntry) -> list[object]:
    email = entry.subscriber.email
    return [
        entry.card.repo,
        f"'{email}" if email.startswith(FORMULA_BEGINS) else email,
        *(_iso(moment) for moment in (entry.requested_at, entry.confirmed_at, entry.left_at)),
        entry.consent_text,
        entry.subscriber.user_id is not None,
    ]


def _iso(moment: object) -> str:
    return moment.isoformat(timespec="seconds") if hasattr(moment, "isoformat") else ""
