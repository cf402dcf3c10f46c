"""On a developer's machine mail is read in the browser, and nowhere else is there such a page."""

import pytest
from django.core.mail import send_mail
from django.http import Http404
from django.test import Client, RequestFactory
from django.urls import path
from pytest_django import Settings

from catalog.mail import inbox
from catalog.models import Mail
from config import urls

urlpatterns = [*urls.urlpatterns, path(inbox.PATH, inbox.page)]


@pytest.fixture
def developing(db: None, settings: Settings) -> None:
    """The settings of `make run` on a fresh machine."""
    settings.DEBUG = True
    settings.ROOT_URLCONF = __name__
    settings.MAIL_TRANSPORT = ""
    settings.EMAIL_BACKEND = "catalog.mail.backend.Outbox"


def test_a_real_site_has_no_such_page(db: None, client: Client) -> None:
    assert client.get("/dev/mail/").status_code == 404
    with pytest.raises(Http404):
        inbox.page(RequestFactory().get("/dev/mail/"))


def test_a_newcomer_signs_in_with_the_code_shown_there(developing: None, client: Client) -> None:
    sent = client.post("/accounts/login/", {"login": "ada@lab.example"})
    asks = client.get(sent["Location"]).content.decode()
    assert 'href="/dev/mail/"' in asks
    page = client.get("/dev/mail/")
    [letter] = page.context["letters"]

    client.post(sent["Location"], {"code": letter.code})

    assert "_auth_user_id" in client.session
    assert f'data-copy="{letter.code}"' in page.content.decode()


def test_the_newest_mail_comes_first_and_is_only_text(developing: None, client: Client) -> None:
    send_mail(
        "first", "see https://site.example/confirm/?a=1&b=2 now", "us@x.example", ["a@b.example"]
    )
    send_mail("<b>second</b>", "<script>alert(1)</script>", "us@x.example", ["a@b.example"])

    page = client.get("/dev/mail/").content.decode()

    assert page.index("second") < page.index("first")
    assert "<script>alert" not in page
    assert "<b>second" not in page
    assert '<a href="https://site.example/confirm/?a=1&amp;b=2"' in page


def test_the_hint_is_gone_where_a_mail_server_is_set(
    developing: None, client: Client, settings: Settings
) -> None:
    settings.MAIL_TRANSPORT = "django.core.mail.backends.smtp.EmailBackend"
    sent = client.post("/accounts/login/", {"login": "ada@lab.example"})

    assert "/dev/mail/" not in client.get(sent["Location"]).content.decode()


def test_an_empty_inbox_says_what_to_do(developing: None, client: Client) -> None:
    assert "Nothing yet" in client.get("/dev/mail/").content.decode()
    assert client.post("/dev/mail/").status_code == 405
    assert not Mail.objects.exists()
