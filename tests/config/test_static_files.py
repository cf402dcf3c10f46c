"""Each page has one style sheet, which holds its parts, also as `make run` collects it."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage

from config.files.static_files import Found, HashedPageSheets, InlineImports, PageSheets, inlined
from tests.conftest import PROJECT

SOURCE = PROJECT / "static"
SHEETS = sorted(str(path.relative_to(SOURCE)) for path in SOURCE.glob("css/pages/*.css"))
# Named by the template, or by the kind of the job that is shown.
PAGE_SHEET = re.compile(r"css/pages/|view\.page\.stylesheet")
LINK = re.compile(r'<link rel="stylesheet"')


def found(folder: Path) -> Found:
    storage = FileSystemStorage(location=folder)
    names = (str(path.relative_to(folder)) for path in folder.rglob("*.css"))
    return {name: (storage, name) for name in names}


def folder_with(tmp_path: Path, **sheets: str) -> Path:
    (tmp_path / "css/pages").mkdir(parents=True)
    (tmp_path / "css/tokens.css").write_text("p { color: red }\n")
    for name, sheet in sheets.items():
        (tmp_path / f"css/pages/{name}.css").write_text(sheet)
    return tmp_path


@pytest.mark.parametrize("name", SHEETS)
def test_a_page_sheet_is_its_parts_in_their_order(name: str) -> None:
    parts = re.findall(r'@import "../(\w+\.css)";', (SOURCE / name).read_text())

    expected = "\n".join((SOURCE / "css" / part).read_text() for part in parts) + "\n"

    assert inlined(name, found(SOURCE)) == expected
    assert parts[:2] == ["tokens.css", "base.css"]


@pytest.mark.parametrize(
    ("sheet", "reason"),
    [
        ('@import "../gone.css";', "there is no css/gone.css"),
        ('@import url("../tokens.css");', "write each import as"),
        ("p { background: url(dot.png) }", "would point elsewhere"),
    ],
)
def test_a_sheet_that_cannot_be_moved_is_refused_with_the_reason(
    tmp_path: Path, sheet: str, reason: str
) -> None:
    folder = folder_with(tmp_path, site=sheet)

    with pytest.raises(ImproperlyConfigured, match=re.escape(reason)):
        inlined("css/pages/site.css", found(folder))


@pytest.mark.parametrize("storage_class", [PageSheets, HashedPageSheets])
def test_collecting_writes_whole_sheets_and_compresses_them(
    tmp_path: Path, storage_class: type[InlineImports]
) -> None:
    folder = folder_with(tmp_path / "source", site='@import "../tokens.css";\nq { top: 0 }\n')
    sheets = found(folder)
    storage = storage_class(location=tmp_path / "collected", base_url="/static/")

    for turn in (1, 2):  # a second start finds a changed part
        for name, (source, path) in sheets.items():
            storage.delete(name)
            with source.open(path) as file:
                storage.save(name, file)
        list(storage.post_process(sheets))
        written = (tmp_path / "collected/css/pages/site.css").read_text()
        assert written == (folder / "css/tokens.css").read_text() + "\nq { top: 0 }\n", turn
        (folder / "css/tokens.css").write_text("p { color: blue; " + "top: 0; " * 99 + "}\n")

    assert list((tmp_path / "collected/css/pages").glob("site*.css.gz"))


def test_no_template_asks_for_a_second_sheet() -> None:
    links = {
        str(path.relative_to(PROJECT)): len(LINK.findall(path.read_text()))
        for path in (PROJECT / "templates").rglob("*.html")
        if "admin" not in path.parts
    }

    assert {name: count for name, count in links.items() if count > 1} == {}
    beside = [
        name
        for name in links
        if 'rel="stylesheet"' in (PROJECT / name).read_text()
        and not PAGE_SHEET.search((PROJECT / name).read_text())
    ]
    assert beside == []
