"""Support looks people up by address, and sees their money without being able to change it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Case, Func, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Now
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts import erasure, gifts, keys
from accounts.gifts import budget
from accounts.models import (
    ApiKey,
    ApiKeyQuerySet,
    CreditAction,
    Entry,
    Gift,
    GiftState,
    Grant,
    Hold,
    LedgerCheck,
    Purchase,
    User,
    Wallet,
)
from accounts.sign_in import addresses
from catalog import email_addresses
from catalog.admin.audited import Audited, log_step
from catalog.admin.read_only import ChangedByActions, ReadOnlyAdmin

STAYS = (
    "The account of {} stays: the admin's history names who made its changes. To close it instead, "
    'untick "active" on its page.'
)


# Whoever gives these could give themselves all: superusers alone do.
RIGHTS = ["is_staff", "is_superuser", "groups"]


class PersonForm(forms.ModelForm[User]):
    def clean_email(self) -> str:
        email = email_addresses.clean(self.cleaned_data["email"]).lower()
        if addresses.is_anothers(email, self.instance):
            raise forms.ValidationError("Another account has that address.")
        return email


@admin.register(User)
class UserAdmin(Audited[User]):
    form = PersonForm
    actions = ["forget"]
    list_display = ["email", "is_active", "is_staff", "date_joined", "last_login", "desk"]
    search_fields = ["email"]
    ordering = ["-date_joined"]
    fields = [
        "email",
        "is_active",
        "is_staff",
        "is_superuser",
        "groups",
        "max_calls_in_flight",
        "max_calls_per_minute",
        "max_images_per_minute",
        "last_login",
        "date_joined",
        "suspension_reason",
        "desk",
    ]
    readonly_fields = ["last_login", "date_joined", "suspension_reason", "desk"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        if not request.user.is_superuser:
            fields += RIGHTS
        # A tick would not tell credit of it: the desk reinstates.
        return [*fields, "is_active"] if obj and obj.is_suspended else fields

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Whoever may change a superuser's address may sign in as one."""
        may_change: bool = super().has_change_permission(request, obj)
        return may_change and (request.user.is_superuser or not (obj and obj.is_superuser))

    @admin.display(description="account desk")
    def desk(self, person: User) -> SafeString:
        if person._state.adding:
            return format_html("after saving")
        return format_html(
            '<a href="{}">suspend, export<span class="visually-hidden">: {}</span></a>',
            reverse("account_desk", args=[person.pk]),
            person,
        )

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "email" in form.changed_data:
            addresses.forget_proofs(obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Django's way would leave files and held credit, and keep the address in its log."""
        return False

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.delete_user")

    @admin.action(description="delete with all that is kept of them", permissions=["forget"])
    def forget(self, request: HttpRequest, people: QuerySet[User]) -> None:
        others = [
            person
            for person in people
            if person != request.user and (request.user.is_superuser or not person.is_superuser)
        ]
        staying = [person for person in others if erasure.has_admin_history(person)]
        leaving = [person for person in others if person not in staying]
        for person in leaving:
            erasure.request(person)
            _log_deletion(request, person)
        self.message_user(request, f"{len(leaving)} closed, and being deleted.", messages.SUCCESS)
        for person in staying:
            self.message_user(request, STAYS.format(person), messages.WARNING)


def _log_deletion(request: HttpRequest, person: User) -> None:
    """Who was deleted is not for the log to keep; that it was done, when and by whom, is."""
    LogEntry.objects.create(
        user_id=str(request.user.pk),
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(person.pk),
        object_repr=f"person {person.pk}",
        action_flag=DELETION,
    )


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin[Wallet]):
    list_display = ["id", "user", "balance_micro_usd", "held_micro_usd", "created_at", "desk"]
    list_select_related = ["user"]
    search_fields = ["=id", "user__email"]
    ordering = ["-pk"]

    @admin.display(description="money desk")
    def desk(self, wallet: Wallet) -> SafeString:
        return format_html(
            '<a href="{}">add, take, refund<span class="visually-hidden">: {}</span></a>',
            reverse("credit_desk", args=[wallet.pk]),
            wallet.user or wallet,
        )


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin[Purchase]):
    list_display = [
        "id",
        "wallet",
        "amount_cents",
        "state",
        "refunded_cents",
        "payment_intent_id",
        "created_at",
        "paid_at",
    ]
    list_filter = ["state"]
    list_select_related = ["wallet"]
    search_fields = ["=id", "=session_id", "=payment_intent_id", "wallet__user__email"]
    ordering = ["-created_at"]


@admin.register(CreditAction)
class CreditActionAdmin(ReadOnlyAdmin[CreditAction]):
    list_display = ["done_at", "wallet", "verb", "amount_micro_usd", "reason", "by", "refund_id"]
    list_filter = ["verb"]
    list_select_related = ["wallet", "by"]
    search_fields = ["=id", "about", "reason", "wallet__user__email", "by__email"]
    ordering = ["-done_at"]


@admin.register(LedgerCheck)
class LedgerCheckAdmin(ReadOnlyAdmin[LedgerCheck]):
    list_display = ["checked_at", "wallets", "entries", "differences", "difference_micro_usd"]
    ordering = ["-checked_at"]


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin[Grant]):
    list_display = [
        "reference",
        "wallet",
        "category",
        "amount_micro_usd",
        "remaining_micro_usd",
        "priority",
        "effective_at",
        "expires_at",
        "voided_at",
    ]
    list_filter = ["category"]
    list_select_related = ["wallet"]
    search_fields = ["reference", "wallet__user__email"]
    ordering = ["-pk"]


@admin.register(Gift)
class GiftAdmin(ChangedByActions[Gift]):
    """Those that wait come first; each click is in the history of its row."""

    actions = ["give", "refuse"]
    list_display = [
        "person",
        "category",
        "amount_micro_usd",
        "state",
        "wait_reason",
        "alike",
        "network",
        "created_at",
        "decided_at",
        "decided_by",
    ]
    list_filter = ["state", "category", "wait_reason"]
    list_select_related = ["wallet__user", "decided_by"]
    search_fields = ["wallet__user__email", "reference", "=network_sha256", "=domain_sha256"]
    ordering = [Case(When(state=GiftState.WAITING, then=0), default=1), "-created_at", "pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gift]:
        neighbors = Gift.objects.filter(
            Q(network_sha256=OuterRef("network_sha256"))
            | Q(domain_sha256=OuterRef("domain_sha256")),
            created_at__gt=Now() - budget.WINDOW,
        )
        count = neighbors.order_by().annotate(all=Func(Value("*"), function="COUNT")).values("all")
        return super().get_queryset(request).annotate(alike_count=Subquery(count))

    def has_delete_permission(self, request: HttpRequest, obj: Gift | None = None) -> bool:
        return False

    @admin.display(description="person")
    def person(self, gift: Gift) -> str:
        return str(gift.wallet.user or "has left")

    @admin.display(description="same network or domain, 24 h")
    def alike(self, gift: Any) -> int:
        return int(gift.alike_count)

    @admin.display(description="network")
    def network(self, gift: Gift) -> str:
        return gift.network_sha256[:12]

    @admin.action(description="give the selected gifts", permissions=["change"])
    def give(self, request: HttpRequest, selected: QuerySet[Gift]) -> None:
        self._decide(request, selected, gifts.give)

    @admin.action(description="refuse the selected gifts", permissions=["change"])
    def refuse(self, request: HttpRequest, selected: QuerySet[Gift]) -> None:
        self._decide(request, selected, gifts.refuse)

    def _decide(
        self, request: HttpRequest, selected: QuerySet[Gift], verb: Callable[..., None]
    ) -> None:
        # Signed in: the admin has let nobody else come this far.
        by: Any = request.user
        decided = 0
        for gift in selected:
            before = gift.state
            try:
                with transaction.atomic():
                    verb(gift, by=by)
                    log_step(request, gift, "state", before, gift.state)
            except gifts.AlreadyDecided as refusal:
                self.message_user(request, f"{refusal}.", messages.WARNING)
            else:
                decided += 1
        self.message_user(request, f"{decided} decided.", messages.SUCCESS)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin[Hold]):
    list_display = [
        "reference",
        "model",
        "wallet",
        "key",
        "state",
        "amount_micro_usd",
        "captured_micro_usd",
        "created_at",
        "settled_at",
    ]
    list_filter = ["state"]
    list_select_related = ["wallet", "key"]
    search_fields = ["reference", "wallet__user__email"]
    ordering = ["-pk"]


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin[Entry]):
    list_display = [
        "id",
        "wallet",
        "kind",
        "reference",
        "model",
        "balance_effect_micro_usd",
        "held_effect_micro_usd",
        "note",
        "created_at",
    ]
    list_filter = ["kind"]
    list_select_related = ["wallet"]
    search_fields = ["reference", "=model", "wallet__user__email"]
    ordering = ["-pk"]


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    list_display = [
        "name",
        "user",
        "prefix",
        "last4",
        "created_at",
        "expires_at",
        "revoked_at",
        "last_used_at",
        "limit_micro_usd",
        "spent_micro_usd",
    ]
    list_select_related = ["user"]
    search_fields = ["=prefix", "=last4", "name", "user__email"]
    ordering = ["-pk"]
    exclude = ["sha256"]
    actions = ["revoke"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, selected: ApiKeyQuerySet) -> None:
        revoked = [key for key in selected if keys.revoke(key)]
        for key in revoked:
            self.log_change(request, key, "revoked")
        self.message_user(request, f"{len(revoked)} revoked.", messages.SUCCESS)
