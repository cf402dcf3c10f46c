"""The admin's history with what stood there before and what stands there since.

Django's own log names the fields that changed. Here each entry holds their values as well, both in
full (`before` and `after` in the entry's JSON) and, shortened, in the sentence that the history
page shows. Any app's admin may use it: `class UserAdmin(Audited[User])`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from django.forms import BaseFormSet
from django.http import HttpRequest
from django.utils.text import Truncator

M = TypeVar("M", bound=models.Model)
# A step as Django's LogEntry reads it: one of added, changed, deleted; the rest it leaves alone.
Step = dict[str, Any]
Values = dict[str, str]

SHOWN_CHARACTERS = 60
GONE = "of a person who has left"


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


def entries_about(row: models.Model) -> "models.QuerySet[LogEntry]":
    # Of _meta: the row may be a request's user, whose type is a lazy object's.
    content_type = ContentType.objects.get_for_model(row._meta.model)
    return LogEntry.objects.filter(content_type=content_type, object_id=str(row.pk))


def values_told(entries: "models.QuerySet[LogEntry]", field: str) -> set[str]:
    """All that these entries say a field has held, before a change and after it."""
    told = set()
    for message in entries.exclude(change_message="").values_list("change_message", flat=True):
        try:
            steps = json.loads(message)
        except ValueError:  # a sentence, as Django's own actions write
            continue
        held = [step.get(part, {}) for step in steps for part in ("before", "after")]
        told |= {values[field] for values in held if values.get(field)}
    return told


def scrub(
    names: Sequence[str],
    replacement: str,
    *,
    entries: "models.QuerySet[LogEntry] | None" = None,
) -> int:
    """Take these addresses out of the history, which says the same otherwise; of how many entries.

    What was done, when and by whom stays: no entry is ever deleted. Without `entries`: of all.
    """
    names = [name for name in names if name]
    if not names:
        return 0
    entries = LogEntry.objects.all() if entries is None else entries
    # Not within a longer address: ada@lab.example is none of data@lab.example's business.
    alternatives = "|".join(re.escape(name) for name in names)
    pattern = re.compile(rf"(?<![\w.+-])(?:{alternatives})(?![\w-]|\.\w)", re.IGNORECASE)
    mentioned = [Q(object_repr__icontains=n) | Q(change_message__icontains=n) for n in names]
    scrubbed = 0
    for entry in entries.filter(reduce(or_, mentioned)).iterator(chunk_size=500):
        told = entry.object_repr, entry.change_message
        entry.object_repr, entry.change_message = (pattern.sub(replacement, t) for t in told)
        if told != (entry.object_repr, entry.change_message):
            entry.save(update_fields=["object_repr", "change_message"])
            scrubbed += 1
    return scrubbed


def scrub_rows(rows: "models.QuerySet[M]") -> int:
    """Take what these rows are called, and held, out of the history; of how many entries."""
    named = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(rows.model),
        object_id__in=[str(pk) for pk in rows.values_list("pk", flat=True)],
    )
    return named.update(object_repr=GONE, change_message="")


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
