"""Support edits cards, with their facts, evaluations and questions beside them."""

from django.contrib import admin

from catalog.models import Evaluation, ModelCard, Provenance, Question, Source


class ProvenanceInline(admin.TabularInline[Provenance, ModelCard]):
    model = Provenance
    extra = 0


class EvaluationInline(admin.TabularInline[Evaluation, ModelCard]):
    model = Evaluation
    extra = 0


class QuestionInline(admin.TabularInline[Question, ModelCard]):
    model = Question
    extra = 0


@admin.register(ModelCard)
class ModelCardAdmin(admin.ModelAdmin[ModelCard]):
    list_display = ["repo", "name", "stage", "parameters", "imagenet_top1", "license"]
    list_filter = ["stage", "task", "family"]
    search_fields = ["repo", "name"]
    inlines = [ProvenanceInline, EvaluationInline, QuestionInline]


admin.site.register(Source)
