"""Where everything is mounted."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from accounts.billing.webhook import stripe_webhook
from accounts.price_list.views import price_list
from accounts.staff.launches.views import launch_page
from accounts.urls import before_allauth
from accounts.views import admin_sign_in
from catalog.mail import inbox
from inference.fleet.metrics import metrics
from inference.fleet.views import fleet_page

urlpatterns = [
    path("", include("inference.urls")),
    path("", include("catalog.urls")),
    path("account/", include("accounts.urls")),
    path("pricing/", price_list, name="pricing"),
    path("webhooks/stripe/", stripe_webhook, name="stripe_webhook"),
    path("accounts/", include(before_allauth)),
    path("accounts/", include("allauth.urls")),
    path("metrics", metrics, name="metrics"),
    path("admin/login/", admin_sign_in),
    path("admin/demand/", include("accounts.staff.dashboard.urls")),
    path("admin/fleet/", fleet_page, name="fleet"),
    path("admin/jobs/", include("inference.job_desk.urls")),
    path("admin/account/", include("accounts.staff.account_desk.urls")),
    path("admin/credit/", include("accounts.staff.credit_desk.urls")),
    path("admin/launch/<int:pk>/", launch_page, name="launch"),
    path("admin/models/", include("accounts.staff.model_desk.urls")),
    path("admin/", admin.site.urls),
]
if settings.DEBUG:
    urlpatterns.append(path(inbox.PATH, inbox.page, name="dev_mail"))
