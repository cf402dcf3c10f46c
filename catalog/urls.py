"""Addresses of the catalog."""

from django.urls import path

from catalog import views

urlpatterns = [
    path("models/", views.models_page, name="models"),
    path("models/<slug:task>/", views.task_page, name="task"),
    path("models/<str:owner>/<str:name>/", views.model_page, name="model"),
]
