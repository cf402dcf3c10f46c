"""Addresses of the account desk, under /admin/account/."""

from django.urls import path

from accounts.staff.account_desk import views

urlpatterns = [
    path("<int:pk>/", views.account_page, name="account_desk"),
    path("<int:pk>/suspend/", views.suspend_page, name="account_desk_suspend"),
    path("<int:pk>/reinstate/", views.reinstate, name="account_desk_reinstate"),
    path("<int:pk>/revoke-keys/", views.revoke_keys_page, name="account_desk_revoke_keys"),
    path("<int:pk>/export/", views.export, name="account_desk_export"),
]
