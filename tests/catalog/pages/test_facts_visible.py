"""Nothing that is known of the five first models is lost on the way to their pages."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from django.test import Client

FACTS = yaml.safe_load((Path(__file__).parent / "facts.yaml").read_text())
UNSEEN = {"head", "script", "style", "template"}
# Good typography has several of what a keyboard has one of.
PLAIN = str.maketrans("×–—‑−’\xa0", "x----' ")


class VisibleText(HTMLParser):
    """The text of a page without what no visitor sees. Unlike tags, words never run together."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A tag inside counts, too, so that the right end tag lets the eye in again.
        if tag in UNSEEN or tag in self._unseen or "hidden" in dict(attrs):
            self._unseen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._unseen:
            self._unseen.remove(tag)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(data)


def plain(text: str) -> str:
    """Lower case, single spaces, one spelling of dashes and figures: `1,065.36` is `1065.36`."""
    text = " ".join(text.translate(PLAIN).casefold().split())
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return re.sub(r"(\.\d+?)0+(?!\d)", r"\1", text)


def visible_text(page: str) -> str:
    parser = VisibleText()
    parser.feed(page)
    return plain(" ".join(parser.pieces))


def shows(text: str, expected: str) -> bool:
    """Whether the words stand there; a figure only as itself, not as a part of another."""
    pattern = r"(?<![\d.])" * expected[0].isdigit() + re.escape(plain(expected))
    return re.search(pattern + r"(?!\d|\.\d)" * expected[-1].isdigit(), text) is not None


@pytest.mark.parametrize("repo", FACTS)
def test_every_fact_is_visible(catalog: None, client: Client, repo: str) -> None:
    text = visible_text(client.get(f"/models/{repo}/").content.decode())

    missing = {
        fact: unseen
        for fact, figures in FACTS[repo].items()
        if (unseen := [figure for figure in figures if not shows(text, figure)])
    }

    assert missing == {}


def test_a_part_of_a_figure_is_not_the_figure() -> None:
    text = visible_text("<head><title>7.5</title></head><p>Cars<b>93.05</b>%, 1,065.36 <i>~2×2</i>")

    assert shows(text, "Cars 93.05")
    assert shows(text, "1065.36")
    assert shows(text, "2x2")
    assert not shows(text, "93")
    assert not shows(text, "3.05")
    assert not shows(text, "7.5")


def test_what_is_hidden_is_not_visible() -> None:
    text = visible_text("<div hidden><div>one</div>two</div><p>three</p><script>four</script>")

    assert text == "three"
