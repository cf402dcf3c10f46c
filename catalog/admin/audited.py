"""The admin's history with what stood there before and what stands there since.

Django's own log names the fields that changed. Here each entry holds their values as well, both in
full (`before` and `after` in the entry's JSON) and, shortened, in the sentence that the history
page shows. Any app's admin may use it: `class UserAdmin(Audited[User])`.
"""

from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.db import models
from django.forms import BaseFormSet
from django.http import HttpRequest
from django.utils.text import Truncator

M = TypeVar("M", bound=models.Model)
# A step as Django's LogEntry reads it: one of added, changed, deleted; the rest it leaves alone.
Step = dict[str, Any]
Values = dict[str, str]

SHOWN_CHARACTERS = 60


class Audited(admin.ModelAdmin[M]):
    def formfield_for_dbfield(
        self, db_field: models.Field[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        # What a change is measured against is the row, never what the browser says it was.
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field:
            field.show_hidden_initial = False
        return field

    def construct_change_message(
        self,
        request: HttpRequest,
        form: forms.Form,
        formsets: Iterable[BaseFormSet[Any]] | None,
        add: bool = False,
    ) -> list[Step]:
        steps = list(_of_form(form, add=add))
        for formset in formsets or ():
            steps += _of_formset(formset)
        return steps

    def log_deletions(self, request: HttpRequest, queryset: Iterable[M]) -> list[LogEntry]:
        return [_log(request, row, DELETION, _deleted(row)) for row in queryset]


def log_step(request: HttpRequest, row: models.Model, name: str, before: str, after: str) -> None:
    _log(request, row, CHANGE, _changed({name: before}, {name: after}))


def _log(request: HttpRequest, row: models.Model, flag: int, step: Step) -> LogEntry:
    # The user is signed in: the admin has let nobody else come this far.
    log: Any = LogEntry.objects.log_actions  # Any: its stub wants a QuerySet where a list will do
    entry: LogEntry = log(request.user.pk, [row], flag, [step], single_object=True)
    return entry


def _changed(before: Values, after: Values, row: models.Model | None = None) -> Step:
    """The step of a change, as Django's log takes it; of an inline's `row` if there is one."""
    # "fields" is what Django's history page prints; "before" and "after" it leaves alone.
    fields = [f"{name}: {_short(before[name])} → {_short(after[name])}" for name in after]
    named = _named(row) if row else {}
    return {"changed": {"fields": fields} | named, "before": before, "after": after}


def _of_form(form: forms.BaseForm, *, add: bool) -> Iterator[Step]:
    before, after = _before(form), _after(form)
    if add:
        yield {"added": {}, "after": after}
    elif after:
        yield _changed(before, after)


def _of_formset(formset: BaseFormSet[Any]) -> Iterator[Step]:
    # Django's own formset lists these three once it has been saved; its type does not say so.
    saved: Any = formset
    for row in saved.new_objects:
        yield {"added": _named(row), "after": _values(row)}
    for row, _ in saved.changed_objects:
        form = next(form for form in formset.forms if form.instance is row)
        yield _changed(_before(form), _after(form), row)
    for row in saved.deleted_objects:
        yield _deleted(row)


def _deleted(row: models.Model) -> Step:
    return {"deleted": _named(row), "before": _values(row)}


def _named(row: models.Model) -> Values:
    return {"name": str(row._meta.verbose_name), "object": str(row)}


def _before(form: forms.BaseForm) -> Values:
    return {name: _text(form.fields[name], form[name].initial) for name in form.changed_data}


def _after(form: forms.BaseForm) -> Values:
    return {
        name: _text(form.fields[name], form.cleaned_data.get(name)) for name in form.changed_data
    }


def _values(row: models.Model) -> Values:
    return {field.name: str(field.value_from_object(row)) for field in row._meta.concrete_fields}


def _text(field: forms.Field, value: Any) -> str:
    """A form's value in words: a chosen row by its name, several of them in order."""
    if value is None:
        return ""
    if isinstance(field, forms.ModelMultipleChoiceField):
        return ", ".join(sorted(_name_of(field, row) for row in value))
    return _name_of(field, value) if isinstance(field, forms.ModelChoiceField) else str(value)


def _name_of(field: forms.ModelChoiceField[Any], value: Any) -> str:
    # The form has the row where it was cleaned, and its key where it is the initial value.
    key = field.prepare_value(value)
    chosen = field.queryset.filter(pk=key).first() if field.queryset is not None else None
    return str(chosen or value)


def _short(text: str) -> str:
    return Truncator(" ".join(text.split())).chars(SHOWN_CHARACTERS) or "nothing"
