"""The runbook has a chapter for each alert, and the files that the documents name are there."""

import re
from pathlib import Path

import pytest
import yaml
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()


def test_each_alert_has_its_chapter() -> None:
    [group] = yaml.safe_load((ROOT / "deploy/watching/alerts.yaml").read_text())["groups"]
    chapters = re.findall(r"^## (\w+)$", RUNBOOK, flags=re.MULTILINE)

    assert [rule["alert"] for rule in group["rules"]] == chapters
    for rule in group["rules"]:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"


@pytest.mark.parametrize("name", ["deploy.md", "runbook.md"])
def test_what_is_named_is_there(name: str) -> None:
    text = (ROOT / "docs" / name).read_text()

    for path in set(re.findall(r"\bdeploy/[\w./-]+\w", text)) - {"deploy/site.env"}:
        assert (ROOT / path).exists(), path
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
    django = {"check", "migrate", "createsuperuser", "collectstatic"}
    for command in set(re.findall(r"manage\.py (\w+)", text)) - django:
        assert command in commands, command
