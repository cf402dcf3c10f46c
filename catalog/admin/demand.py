"""Support looks at who votes and what is asked for, and sets votes aside that are nobody's own."""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from catalog.admin.audited import log_step
from catalog.admin.read_only import ChangedByActions
from catalog.models import ModelRequest, Vote


@admin.register(Vote)
class VoteAdmin(ChangedByActions[Vote]):
    actions = ["set_aside", "count_again"]
    list_display = ["card", "user", "images_per_month", "voted_at", "is_set_aside"]
    list_filter = ["is_set_aside", "voted_at"]
    list_select_related = ["card", "user"]
    search_fields = ["card__repo", "user__email"]
    date_hierarchy = "voted_at"

    @admin.action(description="set aside: do not count", permissions=["change"])
    def set_aside(self, request: HttpRequest, votes: QuerySet[Vote]) -> None:
        self._judge(request, votes, is_set_aside=True)

    @admin.action(description="count again", permissions=["change"])
    def count_again(self, request: HttpRequest, votes: QuerySet[Vote]) -> None:
        self._judge(request, votes, is_set_aside=False)

    def _judge(self, request: HttpRequest, votes: QuerySet[Vote], *, is_set_aside: bool) -> None:
        others = Vote.objects.filter(pk__in=votes.values("pk"), is_set_aside=not is_set_aside)
        with transaction.atomic():
            judged = list(others.select_for_update(of=["self"]))
            Vote.objects.filter(pk__in=[vote.pk for vote in judged]).update(
                is_set_aside=is_set_aside
            )
            for vote in judged:
                log_step(request, vote, "is_set_aside", str(not is_set_aside), str(is_set_aside))
        done = "set aside" if is_set_aside else "counted again"
        self.message_user(request, f"Votes {done}: {len(judged)}.", messages.SUCCESS)


@admin.register(ModelRequest)
class ModelRequestAdmin(ChangedByActions[ModelRequest]):
    list_display = ["repo", "user", "state", "reason", "requested_at", "checked_at"]
    list_filter = ["state", "requested_at"]
    list_select_related = ["user"]
    search_fields = ["repo", "user__email"]
    date_hierarchy = "requested_at"
