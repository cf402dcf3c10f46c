"""Addresses of a person's own pages, under /account/, and what stands before allauth's."""

from django.urls import URLPattern, path, re_path

from accounts import views
from accounts.billing import views as billing_views
from accounts.credits import views as credit_views
from accounts.keys import views as key_views
from accounts.sign_in import views as sign_in_views

urlpatterns: list[URLPattern] = [
    path("", views.account, name="account"),
    path("again/", sign_in_views.confirm_identity, name="account_again"),
    path("second-factor/", sign_in_views.second_factor, name="account_second_factor"),
    path("link/<str:uidb64>/<str:token>/", sign_in_views.sign_in_link, name="sign_in_link"),
    path("your-data/", views.your_data, name="account_your_data"),
    path("data/", views.export, name="account_data"),
    path("delete/", views.delete, name="account_delete"),
    path("sessions/<int:number>/end/", views.end_session, name="account_end_session"),
    path("credit/", credit_views.credit, name="credit"),
    path("credit/add/", billing_views.add_credit, name="add_credit"),
    path("credit/alert/", credit_views.low_balance, name="low_balance"),
    path("credit/purchases/<uuid:pk>/", billing_views.purchase, name="purchase"),
    path("credit/purchases/<uuid:pk>/receipt/", billing_views.receipt, name="receipt"),
    path("credit.csv", credit_views.credit_csv, name="credit_csv"),
    path("welcome/", key_views.welcome, name="welcome"),
    path("keys/", key_views.api_keys, name="api_keys"),
    path("keys/<int:pk>/revoke/", key_views.revoke_key, name="api_key_revoke"),
]

# Under /accounts/: one page signs in and up, and nobody has a password.
before_allauth: list[URLPattern] = [
    path("signup/", views.sign_up),
    path("login/", sign_in_views.SignIn.as_view()),
    path("login/code/", views.sign_up),
    path("login/code/confirm/", sign_in_views.ConfirmCode.as_view()),
    # allauth leads here with what it has put off, such as a provider to be connected.
    path("reauthenticate/", sign_in_views.confirm_identity),
    path("2fa/webauthn/add/", views.AddPasskey.as_view(), name="mfa_add_webauthn"),
    re_path(r"^(?:password/|(?:2fa/(?:webauthn/)?)?reauthenticate/)", views.no_passwords),
]
