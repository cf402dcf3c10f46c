"""Where everything is mounted."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("inference.urls")),
    path("", include("catalog.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
