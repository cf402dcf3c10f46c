"""Where the hub says otherwise than a checked fact, support decides."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest

from catalog.admin.audited import log_step
from catalog.admin.read_only import ChangedByActions
from catalog.hub import differences
from catalog.models import Difference


@admin.register(Difference)
class DifferenceAdmin(ChangedByActions[Difference]):
    actions = ["take_the_hubs", "keep_ours"]
    list_display = ["card", "field", "ours", "hubs", "found_on", "decision", "decided_by"]
    list_display_links = ["field"]
    list_filter = ["decision", "field"]
    list_select_related = ["card", "decided_by"]
    search_fields = ["card__repo"]
    ordering = [Case(When(decision=Difference.Decision.OPEN, then=0), default=1), "-found_on", "pk"]

    def has_delete_permission(self, request: HttpRequest, obj: Difference | None = None) -> bool:
        return False

    @admin.action(description="use Hugging Face's value", permissions=["change"])
    def take_the_hubs(self, request: HttpRequest, rows: QuerySet[Difference]) -> None:
        self._decide(request, rows, differences.take, Difference.Decision.TAKEN)

    @admin.action(description="keep ours", permissions=["change"])
    def keep_ours(self, request: HttpRequest, rows: QuerySet[Difference]) -> None:
        self._decide(request, rows, differences.keep, Difference.Decision.KEPT)

    def _decide(
        self,
        request: HttpRequest,
        rows: QuerySet[Difference],
        verb: Callable[..., None],
        decision: Difference.Decision,
    ) -> None:
        # Signed in: the admin has let nobody else come this far.
        by: Any = request.user
        for difference in rows:
            try:
                with transaction.atomic():
                    verb(difference, by=by)
                    _log(request, difference, decision)
            except differences.AlreadyDecided as refused:
                self.message_user(request, f"{refused}.", messages.ERROR)
                continue
            self.message_user(request, f"{difference}: {decision.label}.", messages.SUCCESS)


def _log(request: HttpRequest, difference: Difference, decision: Difference.Decision) -> None:
    """In the difference's history, and where the card has changed, in the card's."""
    log_step(request, difference, "decision", "open", decision.label)
    if decision == Difference.Decision.TAKEN:
        log_step(request, difference.card, difference.field, difference.ours, difference.hubs)
