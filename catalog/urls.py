"""Addresses of the catalog."""

from django.contrib.sitemaps.views import sitemap
from django.urls import path

from catalog import machines, views

urlpatterns = [
    path("models/", views.models_page, name="models"),
    path("models/<str:owner>/<str:name>.json", machines.model_json, name="model-json"),
    path("models/<str:owner>/<str:name>.md", machines.model_markdown, name="model-markdown"),
    path("models/<str:owner>/<str:name>/og.png", machines.share_card_png, name="share-card"),
    path("models/new.atom", machines.NewModels(), name="new-models"),
    path("compare/", views.compare_page, name="compare"),
    path("llms.txt", machines.llms_txt, name="llms-txt"),
    path("robots.txt", machines.robots_txt, name="robots-txt"),
    path("sitemap.xml", sitemap, {"sitemaps": machines.SITEMAPS}, name="sitemap"),
    path("models/<str:task>/", views.task_page, name="task"),
    path("models/<str:owner>/<str:name>/", views.model_page, name="model"),
]
