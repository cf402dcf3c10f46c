"""One model in all forms in which it is told: its page, Markdown, JSON and JSON-LD."""

import html
import json
import re
from dataclasses import dataclass
from typing import Any

from django.test import Client

from inference.models import Worker


@dataclass(frozen=True)
class Forms:
    """`page` is the text of its article."""

    page: str
    markdown: str
    document: dict[str, Any]
    linked_data: list[dict[str, Any]]

    @property
    def questions(self) -> dict[str, str]:
        [faq] = [thing for thing in self.linked_data if thing["@type"] == "FAQPage"]
        return {row["name"]: row["acceptedAnswer"]["text"] for row in faq["mainEntity"]}


def forms_of(client: Client, repo: str) -> Forms:
    page = client.get(f"/models/{repo}/").content.decode()
    [script] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    article = page[page.index("<article") : page.index("</article>")]
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", article)).split())
    return Forms(
        page=words,
        markdown=client.get(f"/models/{repo}.md").content.decode(),
        document=client.get(f"/models/{repo}.json").json(),
        linked_data=json.loads(script),
    )


def serve(repo: str) -> None:
    """A living worker announces it."""
    Worker.objects.create(name=f"worker of {repo}", pid=1, device="cpu", repos=[repo])
