"""Addresses of the operator's dashboard, under /admin/demand/."""

from django.urls import path

from accounts.staff.dashboard import views

urlpatterns = [
    path("", views.dashboard_page, name="dashboard"),
    path("abuse/", views.abuse_page, name="dashboard-abuse"),
    path("weeks.csv", views.weeks_csv, name="dashboard-weeks-csv"),
    path("models.csv", views.models_csv, name="dashboard-models-csv"),
    path("credit.csv", views.credit_csv, name="dashboard-credit-csv"),
]
