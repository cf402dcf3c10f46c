"""A real Chromium for tests of what people see and do."""

import shutil

import pytest
from playwright.sync_api import expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE_MS = 60_000
# Five seconds by default, which a busy machine can take for a page.
expect.set_options(timeout=PATIENCE_MS)

# What a module of such tests marks itself with: they need the running site, too.
NEEDED = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),  # some visit every kind of page
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium found: browser journeys are skipped"),
]
