"""Installed packages without the extra `worker`: what a web, house or fetch process has.

A folder of links to what the named requirements bring, and to nothing else. A Python that is
started with it and without `site` sees no other package, as if it were installed so.
"""

import os
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT_DIR = Path(__file__).parents[2]
PYTHON = [sys.executable, "-S"]
# Folders without a package of their own, in which several distributions have theirs.
NAMESPACES = {"opentelemetry", "google"}


def install(folder: Path, *extras: str) -> Path:
    """Link all that `pip install '.[extras]'` would bring into the folder, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for found in distributions(_required(extras)):
        for name in _top_level(found):
            if not (folder / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).symlink_to(Path(str(found.locate_file(name))))
    return folder


def environment(folder: Path) -> dict[str, str]:
    """What lets a Python started as `PYTHON` import the project and what is in the folder."""
    return {"PYTHONPATH": os.pathsep.join(map(str, (PROJECT_DIR, folder)))}


def _required(extras: Iterable[str]) -> list[Requirement]:
    # Of the file: the metadata of an editable install is as old as the install.
    project = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][each] for each in extras)]
    return [Requirement(line) for lines in lists for line in lines]


def distributions(requirements: Iterable[Requirement]) -> Iterator[Distribution]:
    """What is installed of some requirements and of all that they need, each once."""
    waiting, seen = list(requirements), set[tuple[str, tuple[str, ...]]]()
    while waiting:
        requirement = waiting.pop()
        extras = tuple(sorted(requirement.extras))
        key = (canonicalize_name(requirement.name), extras)
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(requirement.name)
        except PackageNotFoundError:  # of another system
            continue
        yield found
        waiting += _needed(found.requires or [], ("", *extras))


def _needed(lines: Iterable[str], extras: Iterable[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, lines):
        environments = [{"extra": extra} for extra in extras]
        if not requirement.marker or any(map(requirement.marker.evaluate, environments)):
            yield requirement


def _top_level(found: Distribution) -> set[str]:
    paths = {_package_of(found, file.parts) for file in found.files or []}
    return {path for path in paths if Path(path).parts[0] not in {"..", "__pycache__"}}


def _package_of(found: Distribution, parts: Sequence[str]) -> str:
    """Its first part; of a namespace that distributions share, such as `opentelemetry`, more."""
    depth = 1
    while parts[0] in NAMESPACES and not _is_package(found, parts[:depth]) and depth < len(parts):
        depth += 1
    return "/".join(parts[:depth])


def _is_package(found: Distribution, parts: Sequence[str]) -> bool:
    return Path(str(found.locate_file("/".join([*parts, "__init__.py"])))).exists()
