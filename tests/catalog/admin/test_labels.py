"""Every field of the admin's forms has a name that is read aloud."""

from html.parser import HTMLParser

import pytest
from django.test import Client

from accounts.models import User
from catalog.models import Alias, ModelCard
from inference.models import Incident

CONTROLS = {"input", "select", "textarea"}
SILENT = {"hidden", "submit", "button"}


class Controls(HTMLParser):
    """Of a page: the ids and labels of what is filled in, and what `<label for>` names."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: dict[str, str] = {}
        self.named: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "label":
            self.named.add(given.get("for", ""))
        elif tag in CONTROLS and given.get("type") not in SILENT:
            name = given.get("id") or given.get("name", "")
            self.labels[name] = given.get("aria-label", "")


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("op@lab.example"))
    return client


def controls(client: Client, address: str) -> Controls:
    response = client.get(address)
    assert response.status_code == 200
    parsed = Controls()
    parsed.feed(response.content.decode())
    return parsed


def test_every_field_of_a_card_and_its_rows_has_a_label(operator: Client, card: ModelCard) -> None:
    Alias.objects.create(card=card, name="vit-b")

    found = controls(operator, f"/admin/catalog/modelcard/{card.pk}/change/")

    assert {name for name in found.labels if not found.labels[name]} <= found.named
    assert found.labels["id_aliases-0-name"] == "Name, alias 1"
    assert found.labels["id_aliases-0-DELETE"] == "Delete, alias 1"
    assert found.labels["id_aliases-__prefix__-name"] == "Name, alias"


def test_every_field_of_an_incident_has_a_label(operator: Client) -> None:
    incident = Incident.objects.create(title="mail is late")
    incident.updates.create(text="The provider is slow.")

    found = controls(operator, f"/admin/inference/incident/{incident.pk}/change/")

    assert {name for name in found.labels if not found.labels[name]} <= found.named
    assert found.labels["id_updates-0-text"] == "Text, incident update 1"
    assert found.labels["id_started_at_0"] == "date"
    assert found.labels["id_updates-0-written_at_1"] == "Written at, incident update 1, time"
