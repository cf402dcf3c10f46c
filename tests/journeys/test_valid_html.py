"""Every page is valid HTML, by the Nu Html Checker, which is the standard's own.

Why this one: it is the only validator that knows the whole standard (content models, ARIA, SVG and
what may stand in an attribute), it is released every few weeks, and it runs on the Java of any
Debian that is still cared for. html-validate would weigh less (no Java, 190 MB), but its releases
of today need a newer Node than Debian has, and half of its rules are matters of taste.

npm brings the jar (`make tools`); neither it nor Java is needed for the rest of the tests.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import Client

from catalog.models import ModelCard
from inference.models import Event, Webhook, Worker
from tests.conftest import answer_next
from tests.support.browser.pages import OWN_PAGES, PAGES
from tests.support.http.responses import Response
from tests.support.letters import sign_in

JAR = Path(__file__).parents[1] / "js" / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
JAVA = shutil.which("java")
TIMEOUT_S = 120

pytestmark = [
    pytest.mark.skipif(
        JAVA is None or not JAR.exists(),
        reason="no Java, or no validator: `apt install default-jre-headless npm`, `make tools`",
    ),
]


def complaints(folder: Path) -> list[str]:
    """All that the validator holds against the pages in a folder: file, line, what is wrong."""
    command = [str(JAVA), "-Xss4m", "-jar", str(JAR), "--format", "json", "--exit-zero-always"]
    command += ["--stdout", "--skip-non-html", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    return [_sentence(message) for message in json.loads(done.stdout)["messages"]]


def _sentence(message: dict[str, str | int]) -> str:
    file = str(message.get("url", "")).rpartition("/")[2]
    return f"{file}:{message.get('lastLine', '?')}: {message['message']}"


def distinct(found: Iterable[str]) -> list[str]:
    """One of each kind, with a count: a fault of a template stands on 170 pages."""
    by_message: dict[str, list[str]] = {}
    for sentence in found:
        place, _, message = sentence.partition(": ")
        by_message.setdefault(message, []).append(place)
    return [f"{len(at)}x {at[0]}: {message}" for message, at in by_message.items()]


@pytest.fixture
def keep(tmp_path: Path) -> Callable[[str, Response | str], None]:
    """Put a page into the folder, its address for its name."""

    def write(address: str, page: Response | str) -> None:
        text = page if isinstance(page, str) else page.content.decode()
        name = "".join(
            letter if letter.isalnum() or letter in "-._=" else "~" for letter in address
        )
        (tmp_path / f"{name}.html").write_text(text)

    return write


Keep = Callable[[str, Response | str], None]


@pytest.mark.timeout(600)  # one look at all pages
def test_every_page_is_valid(catalog: None, client: Client, keep: Keep, tmp_path: Path) -> None:
    models = [card.get_absolute_url() for card in ModelCard.objects.all()]
    addresses = list(dict.fromkeys(PAGES + models))
    for address in addresses:
        keep(address, client.get(address, follow=True))

    assert len(models) >= 168
    assert len(list(tmp_path.glob("*.html"))) == len(addresses)
    found = distinct(complaints(tmp_path))
    assert found == [], "\n".join(found)


def test_the_pages_of_a_visit_are_valid(
    catalog: None, client: Client, keep: Keep, tmp_path: Path
) -> None:
    """Those that come of sending something: refusals, a job waiting and done, a code to enter."""
    served_card = ModelCard.objects.get(repo="openai/clip-vit-base-patch32")
    Worker.objects.create(name="w", pid=1, device="cpu", repos=[served_card.repo])
    keep("refused", client.post("/playground/", {"model": served_card.repo, "labels": ""}))
    fields = {"model": served_card.repo, "labels": "a cat, a dog", "template": "a photo of {}"}
    job_address = client.post("/playground/", fields | {"sample": "cat"})["Location"]
    keep("job waiting", client.get(job_address))
    answer_next(served_card)
    keep("job done", client.get(job_address))
    keep("signed up", client.post("/accounts/signup/", {"email": "a@lab.example"}, follow=True))
    keep(
        "signing in", client.post("/accounts/login/code/", {"email": "a@lab.example"}, follow=True)
    )
    for template in ("403_csrf.html", "500.html", "503.html"):
        keep(template, render_to_string(template))

    found = distinct(complaints(tmp_path))
    assert found == [], "\n".join(found)


def test_the_pages_of_a_person_are_valid(
    catalog: None, client: Client, keep: Keep, tmp_path: Path
) -> None:
    sign_in(client)
    hook = {"url": "https://good.example/hook", "events": Event.values}
    keep("key made", client.post("/account/keys/", {"name": "laptop", "lifetime": "90"}))
    keep("key refused", client.post("/account/keys/", {"name": ""}))
    keep("webhook added", client.post("/account/webhooks/", hook))
    keep("webhook refused", client.post("/account/webhooks/", hook | {"url": "ftp://nowhere"}))
    for address in [*OWN_PAGES, f"/account/webhooks/{Webhook.objects.get().pk}/"]:
        response = client.get(address)
        assert response.status_code == 200, address
        keep(address, response)

    found = distinct(complaints(tmp_path))
    assert found == [], "\n".join(found)


def test_the_validator_finds_what_is_wrong(keep: Keep, tmp_path: Path) -> None:
    keep("good", "<!DOCTYPE html><html lang=en><title>good</title><p>a page</p></html>")
    keep("bad", "<!DOCTYPE html><html lang=en><title>bad</title><ul><p>no item</p></ul></html>")

    found = complaints(tmp_path)

    assert len(found) == 1
    assert found[0].startswith("bad.html:1: Element “p” not allowed as child of element “ul”")
