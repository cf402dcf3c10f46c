"""Addresses of the playground, its jobs and the health checks."""

from django.urls import path, re_path

from inference import kinds
from inference.batches import views as batches
from inference.comparing import actions as compare_actions
from inference.comparing import views as compare
from inference.docs import views as docs_views
from inference.fleet import health
from inference.playground import views
from inference.playground.results import downloads, sharing
from inference.playground.results import views as results
from inference.policies import views as policies
from inference.ranking import views as ranking
from inference.status import views as status
from inference.webhooks import views as webhooks

urlpatterns = [
    path("", views.home, name="home"),
    path("playground/", views.playground, name="playground"),
    path("playground/rank/", ranking.ranking, name="ranking"),
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
    path("try/compare/", compare.start, name="compare-photos"),
    path("try/compare/shared/<str:token>/", compare.show_shared, name="comparison-shared"),
    path("try/compare/shared/<str:token>/photos/<int:photo_id>.jpg", compare.shared_photo),
    path("try/compare/<uuid:pk>/", compare.show, name="comparison"),
    path("try/compare/<uuid:pk>/photos/", compare_actions.add_photos),
    path("try/compare/<uuid:pk>/photos/<int:photo_id>.jpg", compare.photo),
    path("try/compare/<uuid:pk>/truth/", compare_actions.set_truth),
    path("try/compare/<uuid:pk>/cancel/", compare_actions.cancel),
    path("try/compare/<uuid:pk>/delete/", compare_actions.delete),
    path("try/compare/<uuid:pk>/share/", compare_actions.share),
    path("try/compare/<uuid:pk>/unshare/", compare_actions.stop_sharing),
    path("try/compare/<uuid:pk>/comparison.csv", compare.export_csv),
    path("try/compare/<uuid:pk>/comparison.json", compare.export_json),
    path("try/compare/<uuid:pk>/compare.py", compare.export_program),
    path("docs/", docs_views.docs, name="docs"),
    path("docs/clients/<slug:slug>/", docs_views.guide, name="docs-guide"),
    path("docs/<slug:slug>/", docs_views.docs, name="docs-page"),
    path("account/webhooks/", webhooks.webhooks, name="webhooks"),
    path("account/webhooks/<int:pk>/", webhooks.webhook, name="webhook"),
    path("account/webhooks/<int:pk>/secret/", webhooks.rotate, name="webhook_rotate"),
    path("account/webhooks/<int:pk>/switch/", webhooks.switch, name="webhook_switch"),
    path(
        "account/webhooks/<int:pk>/test/",
        webhooks.test,
        {"kind": kinds.EXAMPLE},
        name="webhook_test",
    ),
    path("account/webhooks/<int:pk>/remove/", webhooks.remove, name="webhook_remove"),
    path("account/webhooks/replay/<uuid:pk>/", webhooks.replay, name="webhook_replay"),
    path("account/batches/", batches.batches, name="batches"),
    path("account/batches/<uuid:pk>/", batches.batch, name="batch"),
    path("account/batches/<uuid:pk>/cancel/", batches.cancel, name="batch-cancel"),
    re_path(
        r"^account/batches/(?P<pk>[0-9a-f-]{36})/(?P<which>output|errors)\.jsonl$",
        batches.download,
        name="batch-file",
    ),
    path("status/", status.status_page, name="status"),
    path("status.json", status.status_json, name="status-json"),
    path("status/incidents.atom", status.incidents_feed, name="incidents-feed"),
    path("privacy/", policies.privacy, name="privacy"),
    path("terms/", policies.terms, name="terms"),
    path("contact/", policies.contact, name="contact"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
