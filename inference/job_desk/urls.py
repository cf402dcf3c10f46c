"""Addresses of the job desk, under /admin/jobs/."""

from django.urls import path

from inference.job_desk import views

urlpatterns = [
    path("", views.search_page, name="job_desk"),
    path("<uuid:pk>/", views.job_page, name="job_desk_job"),
]
