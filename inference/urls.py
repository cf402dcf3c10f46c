"""Addresses of the playground, its jobs and the health checks."""

from django.urls import path

from inference import health, views

urlpatterns = [
    path("", views.home, name="home"),
    path("playground/", views.playground, name="playground"),
    path("jobs/<uuid:pk>/", views.show_job, name="job"),
    path("jobs/<uuid:pk>/picture.jpg", views.job_picture, name="job-picture"),
    path("jobs/<uuid:pk>/cancel/", views.cancel_job, name="job-cancel"),
    path("jobs/<uuid:pk>/forget/", views.forget_job, name="job-forget"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
