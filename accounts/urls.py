"""Addresses of a person's own pages, under /account/, and what stands before allauth's."""

from django.urls import URLPattern, path, re_path

from accounts import views
from accounts.credits import views as credit_views
from accounts.keys import views as key_views

urlpatterns: list[URLPattern] = [
    path("", views.account, name="account"),
    path("again/", views.sign_in_again, name="account_again"),
    path("data/", views.export, name="account_data"),
    path("delete/", views.delete, name="account_delete"),
    path("sessions/<int:number>/end/", views.end_session, name="account_end_session"),
    path("credit/", credit_views.credit, name="credit"),
    path("credit.csv", credit_views.credit_csv, name="credit_csv"),
    path("keys/", key_views.api_keys, name="api_keys"),
    path("keys/<int:pk>/revoke/", key_views.revoke_key, name="api_key_revoke"),
]

# Under /accounts/: one page signs in and up, and nobody has a password.
before_allauth: list[URLPattern] = [
    path("signup/", views.sign_up),
    path("login/code/", views.sign_up),
    path("2fa/webauthn/add/", views.AddPasskey.as_view()),
    re_path(r"^(?:password/|(?:2fa/(?:webauthn/)?)?reauthenticate/)", views.no_passwords),
]
