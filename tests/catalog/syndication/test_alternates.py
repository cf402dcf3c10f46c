"""What machines read says the same as the pages."""

import io
import json
import re
import xml.etree.ElementTree as ET
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape
from PIL import Image
from pytest_django import Settings

from catalog.models import ModelCard, Question
from catalog.syndication import share_card
from tests.conftest import make_card

L14 = "/models/openai/clip-vit-large-patch14"


def test_the_json_gives_each_figure_its_source_and_day(catalog: None, client: Client) -> None:
    document = client.get(f"{L14}.json").json()

    parameters = document["facts"]["parameters"]
    assert parameters["value"] == 427_620_000
    assert parameters["source"]["title"]
    assert parameters["read_on"] == "2026-11-23"
    assert document["estimated_price"] == {
        "usd_per_1k_images": "0.094",
        "basis": "stated",
        "inputs": {},
        "nano_usd_per_image": 94_000,
        "nano_usd_per_text_token": 100,
        "nano_usd_per_text": 0,
    }
    assert document["status"] == "coming soon"


def test_an_unknown_figure_is_left_out_of_the_json(catalog: None, client: Client) -> None:
    document = client.get("/models/openai/clip-vit-large-patch14-336.json").json()

    assert "license" not in document["facts"]
    assert document["license"]["id"] is None
    assert document["license"]["commercial_use"] == "unknown"


def test_the_markdown_holds_the_page(catalog: None, client: Client) -> None:
    response = client.get(f"{L14}.md")

    text = response.content.decode()
    assert response["Content-Type"].startswith("text/markdown")
    assert text.startswith("# CLIP ViT-L/14")
    assert "$0.094 for 1,000 images" in text
    assert "12.4M" in text or "427.62M" in text


@pytest.mark.parametrize("ending", [".json", ".md"])
def test_every_alternate_renders(catalog: None, client: Client, ending: str) -> None:
    for card in ModelCard.objects.all():
        assert client.get(f"/models/{card.repo}{ending}").status_code == 200, card.repo


@pytest.mark.parametrize("ending", [".json", ".md"])
def test_no_alternate_of_nothing(catalog: None, client: Client, ending: str) -> None:
    assert client.get(f"/models/openai/nothing{ending}").status_code == 404


def test_the_sitemap_lists_every_model_with_its_day(catalog: None, client: Client) -> None:
    tree = ET.fromstring(client.get("/sitemap.xml").content)  # noqa: S314  our own answer

    names = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    models = [u for u in tree.findall("s:url", names) if u.find("s:lastmod", names) is not None]
    assert len(models) == ModelCard.objects.count()


def test_robots_know_where_the_sitemap_is(client: Client) -> None:
    assert "Sitemap: http://testserver/sitemap.xml" in client.get("/robots.txt").content.decode()


@pytest.mark.parametrize(
    ("contact", "line"),
    [
        ("security@lab.example", "Contact: mailto:security@lab.example"),
        ("mailto:security@lab.example", "Contact: mailto:security@lab.example"),
        ("https://lab.example/report", "Contact: https://lab.example/report"),
    ],
)
def test_security_txt_names_whom_the_operator_has_named(
    client: Client, settings: Settings, contact: str, line: str
) -> None:
    settings.SECURITY_CONTACT = contact

    lines = client.get("/.well-known/security.txt").content.decode().splitlines()

    assert lines[0] == line
    [expires] = [line.removeprefix("Expires: ") for line in lines if line.startswith("Expires")]
    assert datetime.fromisoformat(expires) > timezone.now()
    assert "Canonical: http://testserver/.well-known/security.txt" in lines


def test_where_nobody_is_named_there_is_no_security_txt(client: Client) -> None:
    assert client.get("/.well-known/security.txt").status_code == 404


def test_llms_txt_lists_written_models_before_the_others(catalog: None, client: Client) -> None:
    text = client.get("/llms.txt").content.decode()

    assert text.index(f"({L14}.md)") < text.index("## Optional") < text.index("ViTamin")


def test_a_page_that_has_not_changed_is_not_sent_again(catalog: None, client: Client) -> None:
    first = client.get(f"{L14}/")

    again = client.get(f"{L14}/", headers={"If-None-Match": first["ETag"]})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("address", [f"{L14}.json", "/llms.txt", "/robots.txt"])
def test_machines_may_only_read(catalog: None, client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


def test_a_shared_link_has_a_picture(catalog: None, client: Client) -> None:
    page = client.get(f"{L14}/").content.decode()

    response = client.get(f"{L14}/og.png")

    assert f'property="og:image" content="http://testserver{L14}/og.png"' in page
    assert response["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(response.content)).size == (1200, 630)


def test_every_share_card_can_be_drawn(catalog: None) -> None:
    for card in ModelCard.objects.all()[::12]:
        assert share_card.png(card).startswith(b"\x89PNG")


def test_search_engines_read_the_visible_questions_and_no_offer(
    catalog: None, client: Client
) -> None:
    page = client.get(f"{L14}/").content.decode()

    match = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert match
    breadcrumb, faq = json.loads(match.group(1))
    assert [step["name"] for step in breadcrumb["itemListElement"]][-1] == "CLIP ViT-L/14"
    for question in faq["mainEntity"]:
        assert escape(question["name"]) in page
    assert "Offer" not in match.group(1)


def test_linked_data_cannot_end_its_script(catalog: None, client: Client) -> None:
    Question.objects.update(answer="</script><script>alert(1)</script>")

    page = client.get(f"{L14}/").content.decode()

    assert "<script>alert" not in page


def test_the_markdown_calls_a_price_set_at_launch_no_estimate(client: Client, db: None) -> None:
    make_card("lab/live", stage="live", launch_price_nano_usd_per_image=80_000)

    document = client.get("/models/lab/live.md").content.decode()

    assert "\n| price | $0.080" in document


def test_a_live_model_is_offered_at_its_price(client: Client, db: None) -> None:
    card = make_card("tests/live", stage="live", launch_price_nano_usd_per_image=90_000)

    page = client.get(card.get_absolute_url()).content.decode()

    match = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert match
    [product] = [thing for thing in json.loads(match.group(1)) if thing["@type"] == "Product"]
    assert product["offers"]["price"] == "0.09"
    assert product["offers"]["priceSpecification"]["referenceQuantity"]["value"] == 1000
