"""The code of the welcome page, copied into a shell as it stands, gets an answer."""

import html
import json
import re
import subprocess

from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiKey
from tests.inference.api.conftest import Api


def test_the_code_of_the_welcome_page_works_as_it_stands(
    api: Api, client: Client, settings: Settings
) -> None:
    settings.SITE_URL = str(api.http.base_url).rstrip("/").removesuffix("/v1")
    client.force_login(api.key.user)
    ApiKey.objects.all().delete()

    page = client.post("/account/welcome/", {"idempotency_key": "k" * 32}).content.decode()

    shown = re.search(r'<pre class="first-call"[^>]*><code>(.*?)</code>', page, re.DOTALL)
    assert shown
    code = html.unescape(shown.group(1))
    photo = f"{settings.SITE_URL}/static/samples/cat.jpg"
    assert photo in code
    # Static files are collected when the site is deployed, not for tests.
    code = code.replace(photo, f"file://{finders.find('samples/cat.jpg')}")
    ran = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=60)
    answer = json.loads(ran.stdout)
    labels = {each["label"] for each in answer["data"][0]["predictions"]}
    assert labels == {"a cat", "a dog", "a car"}
