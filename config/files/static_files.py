"""Static files as they are served: one style sheet a page, everything compressed.

A page's sheet, `static/css/pages/*.css`, only names its parts by `@import`. A browser would ask for
each part in turn before it draws anything, so collecting replaces these lines by the parts.
"""

import re
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from whitenoise.storage import (
    CompressedManifestStaticFilesStorage,
    CompressedStaticFilesStorage,
)

PAGE_SHEETS = PurePosixPath("css/pages")
IMPORT = re.compile(r'^@import "\.\./(?P<part>[\w./-]+)";$', re.MULTILINE)

Found: TypeAlias = dict[str, tuple[Storage, str]]


class InlineImports(StaticFilesStorage):
    """Replaces the imports of page sheets before anything is hashed or compressed."""

    def post_process(self, paths: Found, dry_run: bool = False, **options: Any) -> Any:
        if not dry_run:
            paths = paths | {name: self._write(name, paths) for name in paths if is_sheet(name)}
        return super().post_process(  # type: ignore[misc]
            paths, dry_run=dry_run, **options
        )

    def _write(self, name: str, paths: Found) -> tuple[Storage, str]:
        sheet = inlined(name, {found: paths[found] for found in paths if found.endswith(".css")})
        self.delete(name)
        self.save(name, ContentFile(sheet.encode()))
        return self, name


class PageSheets(InlineImports, CompressedStaticFilesStorage):  # type: ignore[misc]
    """For development: names stay as they are."""


class HashedPageSheets(InlineImports, CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """For production: a hash in each name, so that browsers may keep files for ever."""


def is_sheet(name: str) -> bool:
    return PurePosixPath(name).parent == PAGE_SHEETS


def inlined(name: str, sheets: Found) -> str:
    """The page sheet with its parts in it. Raises ImproperlyConfigured for what cannot be moved."""

    def part(match: re.Match[str]) -> str:
        return _read(str(PAGE_SHEETS.parent / match["part"]), sheets, named_by=name)

    sheet = IMPORT.sub(part, _read(name, sheets, named_by=name))
    if "@import" in sheet:
        raise ImproperlyConfigured(f'{name}: write each import as @import "../part.css";')
    if "url(" in sheet:
        # Relative addresses mean something else in a file of another folder.
        raise ImproperlyConfigured(f"{name}: a part of it uses url(), which would point elsewhere")
    return sheet


def _read(name: str, sheets: Found, *, named_by: str) -> str:
    if name not in sheets:
        raise ImproperlyConfigured(f"{named_by}: there is no {name}")
    storage, path = sheets[name]
    with storage.open(path) as file:
        return str(file.read(), "utf-8")
