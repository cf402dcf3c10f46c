"""The admin as an app, with our own door."""

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    """In INSTALLED_APPS in place of "django.contrib.admin"."""

    default_site = "accounts.staff.site.StaffSite"

    def ready(self) -> None:
        super().ready()  # registers what each app's admin module has
        from accounts.staff import third_party

        third_party.replace()
