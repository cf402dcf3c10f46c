"""Lists what pyproject.toml requires, for an image; and takes out of one what it never reads.

    python3 requirements.py s3 watching > web.txt    # the dependencies, and those of two extras
    python3 requirements.py --prune /venv

An image installs packages before it copies the project, so that a changed line of ours does not
install torch anew. So pip cannot be told `.[s3]`.
"""

import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = "gigarouter"
# The only services that the picture storage speaks to.
AMAZON_SERVICES = {"s3", "sts", "sso", "sso-oidc", "signin"}


def requirements(pyproject: Path, extras: Sequence[str]) -> Iterator[str]:
    project = tomllib.loads(pyproject.read_text())["project"]
    yield from project["dependencies"]
    for extra in extras:
        lines = project["optional-dependencies"][extra]
        yield from (line for line in lines if not line.startswith(PROJECT))


def prune(venv: Path) -> None:
    [packages] = venv.glob("lib/python3*/site-packages")
    for folder in unread(packages):
        shutil.rmtree(folder)


def unread(packages: Path) -> Iterator[Path]:
    """Translations (the site speaks one language), botocore's other services, numpy's tests."""
    for locale in [*packages.glob("django/**/locale"), *packages.glob("allauth/**/locale")]:
        yield from (each for each in locale.iterdir() if each.is_dir() and each.name != "en")
    for service in (packages / "botocore" / "data").glob("*/"):
        if service.is_dir() and service.name not in AMAZON_SERVICES:
            yield service
    yield from packages.glob("numpy/**/tests")


if __name__ == "__main__":
    if sys.argv[1] == "--prune":
        prune(Path(sys.argv[2]))
    else:
        print(*requirements(Path("pyproject.toml"), sys.argv[1:]), sep="\n")
