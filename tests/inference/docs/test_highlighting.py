"""Code is colored where the page is made, and stays the code that it is."""

import html
import re

import pytest

from inference.docs import snippets
from inference.docs.highlighting import highlight


def test_comments_strings_and_reserved_names_have_a_class() -> None:
    assert highlight('import os  # "why"\nx = "a" + 1', "py") == (
        '<b class="k">import</b> os  <b class="c"># &quot;why&quot;</b>\n'
        'x = <b class="s">&quot;a&quot;</b> + <b class="n">1</b>'
    )


def test_what_looks_like_markup_is_escaped() -> None:
    assert "<script>" not in highlight('"<script>"; # </script><b>', "py")
    assert highlight("<b>", "unknown") == "&lt;b&gt;"


@pytest.mark.parametrize("name", snippets.names())
def test_without_its_colors_the_code_is_what_it_was(name: str) -> None:
    for snippet in snippets.of(name):
        marked = highlight(snippet.code, snippet.client.language)

        assert html.unescape(re.sub(r"</?b[^>]*>", "", marked)) == snippet.code
        assert '<b class="' in marked
