"""Admins in place of those that installed apps register, where theirs don't fit our people."""

from allauth.usersessions.models import UserSession
from django.contrib import admin

from catalog.admin.read_only import ReadOnlyAdmin


class SessionAdmin(ReadOnlyAdmin[UserSession]):
    """allauth's form would rewrite when and from where somebody signed in."""

    list_display = ["user", "ip", "user_agent", "created_at", "last_seen_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "ip"]
    ordering = ["-last_seen_at"]
    # Whoever reads the key is signed in as that person.
    exclude = ["session_key"]


def replace() -> None:
    """Called once all apps have registered theirs."""
    admin.site.unregister(UserSession)
    admin.site.register(UserSession, SessionAdmin)
