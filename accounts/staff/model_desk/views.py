"""/admin/models/<card>/shutdown/ and price/: what is announced, a dry run, and taking it back."""

from http import HTTPStatus
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.http import SignedInRequest
from accounts.staff.model_desk import DeskRefused, letters, open_notice, pages
from accounts.staff.model_desk.forms import AnnouncementForm, DeskForm
from accounts.staff.model_desk.notices import Instruction
from accounts.staff.model_desk.pages import DeskPage, Plan
from catalog.admin.audited import log_step
from catalog.models import ModelCard, ModelNotice

# The page has another form beside this one.
BACK_ID = "back_%s"


@require_http_methods(["GET", "HEAD", "POST"])
@admin.site.admin_view
@permission_required("catalog.change_modelcard", raise_exception=True)
def shutdown_page(request: SignedInRequest, pk: int) -> HttpResponse:
    """POST announces a date; with `rehearse` it only says what that would do, with `take_back` the
    model stays.
    """
    return _desk(request, pk, pages.SHUTDOWN)


@require_http_methods(["GET", "HEAD", "POST"])
@admin.site.admin_view
@permission_required("catalog.change_modelcard", raise_exception=True)
def price_page(request: SignedInRequest, pk: int) -> HttpResponse:
    """As `shutdown_page`, of a price."""
    return _desk(request, pk, pages.PRICE)


def _desk(request: SignedInRequest, pk: int, desk: DeskPage) -> HttpResponse:
    card = get_object_or_404(ModelCard.objects.real().select_related("successor"), pk=pk)
    if request.method != "POST":
        return _page(request, desk, card)
    if "take_back" in request.POST:
        back = DeskForm(card, request.POST, auto_id=BACK_ID)
        if back.is_valid() and _take_back(request, desk, back):
            return redirect(desk.url_name, card.pk)
        return _page(request, desk, card, back=back, status=HTTPStatus.BAD_REQUEST)
    form = desk.form(card, request.POST)
    if not form.is_valid():
        return _page(request, desk, card, form=form, status=HTTPStatus.BAD_REQUEST)
    if "rehearse" in request.POST:
        plan = _rehearse(request, form)
        status = HTTPStatus.OK if plan else HTTPStatus.BAD_REQUEST
        return _page(request, desk, card, form=form, plan=plan, status=status)
    if _announce(request, desk, form):
        return redirect(desk.url_name, card.pk)
    return _page(request, desk, card, form=form, status=HTTPStatus.BAD_REQUEST)


def _instruction(request: SignedInRequest, form: DeskForm) -> Instruction:
    return Instruction(request.user, form.cleaned_data["reason"], form.cleaned_data["seen"])


def _rehearse(request: SignedInRequest, form: AnnouncementForm) -> Plan | None:
    """Announce it and take it back, in one transaction. None: it was refused, the form says why."""
    try:
        with transaction.atomic():
            notice = form.announce(_instruction(request, form))
            plan = Plan(notice, pages.words_of(notice), _count_mails(form.card, notice))
            transaction.set_rollback(True)
    except DeskRefused as refused:
        form.add_error(None, str(refused))
        return None
    form.card.refresh_from_db()
    return plan


def _count_mails(card: ModelCard, notice: ModelNotice) -> int:
    return 0 if notice.notified_at else letters.recent_callers(card).count()


def _announce(request: SignedInRequest, desk: DeskPage, form: AnnouncementForm) -> bool:
    """False: it was refused, and the form says why."""
    before = open_notice(form.card, desk.kind)
    try:
        with transaction.atomic():
            notice = form.announce(_instruction(request, form))
            said = f"{pages.words_of(notice)}: {notice.reason}"
            log_step(request, form.card, desk.field, _written(before), said)
    except DeskRefused as refused:
        form.add_error(None, str(refused))
        return False
    messages.success(request, f"Announced: {pages.words_of(notice)}. Mail goes out in a minute.")
    return True


def _take_back(request: SignedInRequest, desk: DeskPage, form: DeskForm) -> bool:
    before = open_notice(form.card, desk.kind)
    try:
        with transaction.atomic():
            instruction = _instruction(request, form)
            desk.take_back(form.card, instruction)
            said = f"taken back: {instruction.reason}"
            log_step(request, form.card, desk.field, _written(before), said)
    except DeskRefused as refused:
        form.add_error(None, str(refused))
        return False
    messages.success(request, "Taken back. Mail that was not sent yet is not sent.")
    return True


def _written(notice: ModelNotice | None) -> str:
    return pages.words_of(notice) if notice else ""


def _page(
    request: SignedInRequest,
    desk: DeskPage,
    card: ModelCard,
    *,
    form: AnnouncementForm | None = None,
    back: DeskForm | None = None,
    plan: Plan | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    notice = open_notice(card, desk.kind)
    seen: dict[str, Any] = {"seen": notice and notice.pk}
    context = admin.site.each_context(request) | {
        "card": card,
        "desk": desk,
        "title": f"{desk.title} {card.name}",
        "checks": pages.checks(card, notice),
        "is_possible": pages.is_possible(card),
        "notice": notice,
        "form": form or desk.form(card, initial=desk.initial(card) | seen),
        "back": back or DeskForm(card, initial=seen, auto_id=BACK_ID),
        "plan": plan,
        "past": pages.past(card, desk.kind),
        # The admin's own templates look for it: breadcrumbs, and the link to the model.
        "opts": ModelCard._meta,
    }
    return render(request, "admin/model_desk.html", context, status=status)
