"""What we depend on is pinned, has a reason, and is watched for advisories."""

import ast
import json
import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests import audit

PROJECT_DIR = Path(settings.BASE_DIR)
PYPROJECT = (PROJECT_DIR / "pyproject.toml").read_text()
PROJECT = tomllib.loads(PYPROJECT)["project"]


def pins() -> dict[str, Version]:
    lines = (PROJECT_DIR / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def direct() -> list[Requirement]:
    optional = PROJECT["optional-dependencies"].values()
    lines = PROJECT["dependencies"] + [line for group in optional for line in group]
    return [Requirement(line) for line in lines if not line.startswith("gigarouter")]


def test_each_dependency_has_a_pin_that_its_range_allows() -> None:
    known = pins()

    for requirement in direct():
        assert known[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_what_they_depend_on_is_pinned_too() -> None:
    known, seen = set(pins()), set()
    waiting = [(canonicalize_name(each.name), tuple(each.extras)) for each in direct()]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            lines = requires(name) or []
        except PackageNotFoundError:  # of another system, or an extra that is not installed here
            continue
        for requirement in map(Requirement, lines):
            environments = [{"extra": extra} for extra in ("", *extras)]
            if requirement.marker and not any(map(requirement.marker.evaluate, environments)):
                continue
            waiting.append((canonicalize_name(requirement.name), tuple(requirement.extras)))

    unpinned = {name for name, _ in seen} - known - {"pip", "setuptools", "wheel"}
    assert unpinned == set()


def test_each_dependency_says_why_it_is_there() -> None:
    lines = re.findall(r'^  "[\w-].*$', PYPROJECT.partition("[tool.")[0], flags=re.MULTILINE)

    assert len(lines) > len(direct()) - 5
    assert [line for line in lines if not re.search(r"#\s+\w+", line)] == []


def test_pillow_has_its_fixes() -> None:
    # Before 12.3 it wrote out of bounds and could be made to decompress without end.
    assert pins()["pillow"] >= Version("12.3.0")


def test_weights_are_read_from_folders_only() -> None:
    calls = [
        (path.name, call)
        for path in (PROJECT_DIR / "inference").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "from_pretrained"
    ]

    assert calls
    for name, call in calls:
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert keywords.get("local_files_only") == "True", name
        assert keywords.get("trust_remote_code", "False") == "False", name


def write_report(path: Path, *packages: Mapping[str, object]) -> str:
    path.write_text(json.dumps({"dependencies": packages}))
    return str(path)


SOUND = {"name": "django", "version": "5.2.19", "vulns": []}
HURT = {
    "name": "pillow",
    "version": "12.2.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["12.3.0"]}],
}
UNKNOWN = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}


def test_a_known_vulnerability_fails_the_check_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = write_report(tmp_path / "report", SOUND, HURT, UNKNOWN)

    assert audit.main([report]) == 1
    assert "pillow 12.2.0: PYSEC-2026-1 (fixed in 12.3.0)" in capsys.readouterr().out


def test_no_vulnerability_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([write_report(tmp_path / "report", SOUND, UNKNOWN)]) == 0
    assert "0 known" in capsys.readouterr().out


@pytest.mark.parametrize("report", ["", "no json", "[]", "{}"])
def test_without_a_network_the_check_says_so_and_passes(
    report: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report").write_text(report)

    assert audit.main([str(tmp_path / "report")]) == 0
    assert "skipped, no network" in capsys.readouterr().out


def test_a_registry_that_knows_no_advisories_is_no_clean_bill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main([write_report(tmp_path / "report", UNKNOWN, UNKNOWN, SOUND)]) == 0
    assert "skipped, no network" in capsys.readouterr().out
