"""The admin's door: staff only, and by default only with a second factor."""

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest

from accounts.sign_in.reauthentication import has_shown_second_factor


class StaffSite(AdminSite):
    """Every page of the admin asks this first, ours included (`admin.site.admin_view`)."""

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not needs_second_factor(request)


def needs_second_factor(request: HttpRequest) -> bool:
    """Whether this is somebody of the staff who has shown no second factor in this session."""
    is_staff = request.user.is_active and request.user.is_staff
    return is_staff and settings.ADMIN_SECOND_FACTOR and not has_shown_second_factor(request)
