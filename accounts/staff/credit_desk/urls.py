"""Addresses of the money desk, under /admin/credit/."""

from django.urls import path

from accounts.staff.credit_desk import views

urlpatterns = [
    path("<int:pk>/", views.credit_page, name="credit_desk"),
    path("grants/<int:pk>/void/", views.void_page, name="credit_desk_void"),
    path("purchases/<uuid:pk>/refund/", views.refund_page, name="credit_desk_refund"),
    path("refunds/<uuid:pk>/send/", views.resume_page, name="credit_desk_resume"),
]
