"""The table to take along: CSV for spreadsheets, JSON for programs, and a program that repeats it.

The program writes the same CSV from a folder, through the API; a test runs it and compares.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from inference.comparing.columns import Column
from inference.comparing.results.cells import Cell
from inference.comparing.results.table import Row, Table
from inference.models import Comparison

PROGRAM = Path(__file__).parent / "snippets" / "compare.openai.py"
# How many predictions of each cell the JSON has, best first.
MAX_PREDICTIONS = 10
# A cell that begins so is a formula to a spreadsheet (OWASP, "CSV Injection"), the wide forms of
# these characters included.
FORMULA = re.compile(r"^\s*[=+\-@＝＋－＠\t\r\n]")


def as_csv(table: Table) -> str:
    """A line a photo, by name; for each column label, score, second label, its score, and right."""
    titles = [summary.column.title for summary in table.summaries]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([safe(heading) for heading in headings(titles)])
    for row in sorted(table.rows, key=lambda row: row.photo.name):
        writer.writerow(_line(row, len(titles)))
    return text.getvalue()


def headings(titles: Sequence[str]) -> list[str]:
    parts = ["label", "score", "second", "second score", "right"]
    return ["photo", "truth", *(f"{title}: {part}" for title in titles for part in parts)]


def safe(text: str) -> str:
    """The text behind an apostrophe where a spreadsheet would compute it.

    >>> safe("=1+1"), safe("a cat"), safe(" @x"), safe("")
    ("'=1+1", 'a cat', "' @x", '')
    """
    return f"'{text}" if FORMULA.match(text) else text


def _line(row: Row, column_count: int) -> list[str]:
    of_cells = [value for cell in row.cells for value in _cell_values(cell)]
    empty = [""] * (5 * column_count - len(of_cells))
    return [safe(row.photo.name), safe(row.truth), *of_cells, *empty]


def _cell_values(cell: Cell) -> list[str]:
    if not cell.predictions:
        return [""] * 5
    second = cell.second
    right = {True: "yes", False: "no", None: ""}[cell.is_right]
    return [
        safe(cell.label),
        f"{cell.score:.6g}",
        safe(second["label"]) if second else "",
        f"{second['score']:.6g}" if second else "",
        right,
    ]


def as_json(table: Table) -> dict[str, Any]:
    """`table` has been read with `MAX_PREDICTIONS`."""
    return {
        "object": "comparison",
        "id": str(table.comparison.pk),
        "created": int(table.comparison.created_at.timestamp()),
        "labels": table.comparison.labels,
        "columns": [
            {
                "model": summary.column.repo,
                **_prompts(summary.column),
                "right": summary.accuracy.right,
                "of": summary.accuracy.of,
                "interval_95": summary.accuracy.interval if summary.accuracy.of else None,
            }
            for summary in table.summaries
        ],
        "photos": [_photo(row) for row in table.rows],
    }


def _photo(row: Row) -> dict[str, Any]:
    return {
        "name": row.photo.name,
        "truth": row.truth or None,
        "error": row.photo.error or None,
        "answers": [
            {
                "predictions": cell.predictions,
                "crop": cell.crop or None,
                "right": cell.is_right,
                "error": cell.error or None,
            }
            for cell in row.cells
        ],
    }


def _prompts(column: Column) -> dict[str, object]:
    # As the API calls them.
    if isinstance(column.templates, str):
        return {"hypothesis_template": column.templates}
    return {"hypothesis_templates": list(column.templates)}


def as_program(comparison: Comparison, columns: Sequence[Column]) -> str:
    values = {
        "SITE": settings.SITE_URL,
        "LABELS": comparison.labels,
        "COLUMNS": [
            {"title": column.title, "model": column.repo} | _prompts(column) for column in columns
        ],
    }
    # One pass over the assignments at the beginning: what is filled in is not searched again.
    return re.sub(
        r"^(SITE|LABELS|COLUMNS) = .*?(?=\n(?:[A-Z]|\n))",
        lambda match: f"{match[1]} = {_literal(values[match[1]])}",
        _program_text(),
        flags=re.MULTILINE | re.DOTALL,
    )


@cache
def _program_text() -> str:
    return PROGRAM.read_text()


def _literal(value: object) -> str:
    # Strings, lists and objects of strings mean the same in JSON and in Python, as long as only
    # what must be is escaped: Python reads an escaped pair of surrogates as two letters.
    return json.dumps(value, ensure_ascii=False, indent=4)
