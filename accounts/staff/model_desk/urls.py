"""Addresses of the model desk, under /admin/models/."""

from django.urls import path

from accounts.staff.model_desk import views

urlpatterns = [
    path("<int:pk>/shutdown/", views.shutdown_page, name="model_shutdown"),
    path("<int:pk>/price/", views.price_page, name="model_price"),
]
