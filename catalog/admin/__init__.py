"""Support edits cards, decides what the hub disputes, and every change is kept with its values."""

from django.contrib import admin

from catalog.admin import cards, demand, periodic, reviews, waitlist
from catalog.admin.audited import Audited
from catalog.admin.forms import SourceForm
from catalog.models import Source

__all__ = ["Audited", "SourceAdmin", "cards", "demand", "periodic", "reviews", "waitlist"]


@admin.register(Source)
class SourceAdmin(Audited[Source]):
    form = SourceForm
    list_display = ["title", "slug", "url"]
    search_fields = ["title", "slug"]
    prepopulated_fields = {"slug": ["title"]}
