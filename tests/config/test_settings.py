"""The environment's variables are documented, and production is strict."""

import re
from pathlib import Path

from django.conf import settings

from config.middleware import headers

CONFIG = Path(settings.BASE_DIR) / "config"


def read_in_code() -> set[str]:
    names = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', (CONFIG / "settings.py").read_text()))
    return names | {"PORT"}


def test_the_example_file_names_every_variable_and_no_other() -> None:
    lines = (Path(settings.BASE_DIR) / ".env.example").read_text().splitlines()

    named = {found.group(1) for line in lines if (found := re.match(r"#?([A-Z0-9_]+)=", line))}

    assert named == read_in_code()


def test_no_variable_is_read_outside_of_config() -> None:
    packages = ["catalog", "accounts"]

    for package in packages:
        for path in (Path(settings.BASE_DIR) / package).rglob("*.py"):
            assert "os.environ" not in path.read_text(), path


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in headers.POLICY
    assert "default-src 'self'" in headers.POLICY
