"""Reading one's mail in a test."""

import re

from django.core import mail
from django.test import Client

from tests.fakes.passkey import Passkey
from tests.support.http.responses import Response

CODE = re.compile(r"^([A-Z0-9][A-Z0-9-]{4,})$", re.MULTILINE)


def code_in_mail() -> str:
    """The code in the newest mail."""
    found = CODE.search(str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return found.group(1)


def sign_in(client: Client, email: str = "ada@lab.example", *, go_to: str = "") -> Response:
    """Ask for a code and type it, as a person does; the answer to the code."""
    sent = client.post("/accounts/login/", {"login": email} | ({"next": go_to} if go_to else {}))
    return client.post(sent["Location"], {"code": code_in_mail()})


def add_passkey(client: Client) -> Passkey:
    """Add one to the account of whoever has just signed in."""
    passkey = Passkey()
    page = client.get("/accounts/2fa/webauthn/add/", secure=True)
    credential = passkey.create(page.context["js_data"]["creation_options"])
    sent = {"name": "soft", "credential": credential, "passwordless": "on"}
    answer = client.post("/accounts/2fa/webauthn/add/", sent, secure=True)
    assert answer.status_code == 302, answer.context["form"].errors
    return passkey
