"""Addresses of the playground, its jobs and the health checks."""

from django.urls import path

from inference.docs import views as docs_views
from inference.fleet import health
from inference.playground import views
from inference.playground.results import downloads, sharing
from inference.playground.results import views as results
from inference.status import views as status
from inference.webhooks import views as webhooks

urlpatterns = [
    path("", views.home, name="home"),
    path("playground/", views.playground, name="playground"),
    path("playground/drafts/<uuid:pk>", views.draft_picture, name="draft-picture"),
    path("jobs/<uuid:pk>/", results.show_job, name="job"),
    path("jobs/<uuid:pk>/picture.jpg", results.job_picture, name="job-picture"),
    path("jobs/<uuid:pk>/again/", results.run_again, name="job-again"),
    path("jobs/<uuid:pk>/scores.csv", downloads.as_csv, name="job-csv"),
    path("jobs/<uuid:pk>/result.json", downloads.as_json, name="job-json"),
    path("jobs/<uuid:pk>/share/", sharing.share, name="job-share"),
    path("jobs/<uuid:pk>/share/revoke/", sharing.revoke, name="job-share-revoke"),
    path("jobs/<uuid:pk>/cancel/", results.cancel_job, name="job-cancel"),
    path("jobs/<uuid:pk>/forget/", results.forget_job, name="job-forget"),
    path("shared/<str:token>/", sharing.shared_result, name="shared-result"),
    path("shared/<str:token>/picture.jpg", sharing.shared_picture, name="shared-picture"),
    path("docs/", docs_views.docs, name="docs"),
    path("docs/<slug:slug>/", docs_views.docs, name="docs-page"),
    path("account/webhooks/", webhooks.webhooks, name="webhooks"),
    path("account/webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("account/webhooks/<int:pk>/secret/", webhooks.rotate, name="webhook_rotate"),
    path("account/webhooks/<int:pk>/switch/", webhooks.switch, name="webhook_switch"),
    path("account/webhooks/<int:pk>/remove/", webhooks.remove, name="webhook_remove"),
    path("account/webhooks/replay/<uuid:pk>/", webhooks.replay, name="webhook_replay"),
    path("status/", status.status_page, name="status"),
    path("status.json", status.status_json, name="status-json"),
    path("status/incidents.atom", status.incidents_feed, name="incidents-feed"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
