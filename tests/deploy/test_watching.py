"""Alerts fire when they should, and ask for figures that exist; so does the dashboard."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from accounts.credits import ledger
from inference.models import Part, StatusHour

WATCHING = Path(settings.BASE_DIR) / "deploy" / "watching"
# Prometheus' own, and the blackbox exporter's.
OTHERS = {"up", "probe_ssl_earliest_cert_expiry"}
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="needs promtool, of Debian's package prometheus"
)


# Any: a YAML document.
def alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((WATCHING / "alerts.yaml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts())
    for panel in json.loads((WATCHING / "dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROMTOOL), *arguments], cwd=WATCHING, capture_output=True, text=True, check=False
    )


@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
        ["check", "config", "--syntax-only", "prometheus.yaml"],
    ],
    ids=" ".join,
)
def test_promtool_is_content(arguments: list[str]) -> None:
    finished = promtool(*arguments)

    assert finished.returncode == 0, finished.stdout + finished.stderr


@needs_promtool
def test_an_alert_that_does_not_fire_fails_its_test(tmp_path: Path) -> None:
    rules = (WATCHING / "alerts.yaml").read_text().replace("> 120", "> 12000", 1)
    (tmp_path / "alerts.yaml").write_text(rules)
    shutil.copy(WATCHING / "alerts_test.yaml", tmp_path)

    finished = promtool("test", "rules", str(tmp_path / "alerts_test.yaml"))

    assert finished.returncode == 1
    assert "MailLate" in finished.stdout + finished.stderr


def test_each_alert_is_seen_to_fire_and_to_be_quiet() -> None:
    quiet, firing, _ = yaml.safe_load((WATCHING / "alerts_test.yaml").read_text())["tests"]
    names = {rule["alert"] for rule in alerts()}

    assert {each["alertname"] for each in quiet["alert_rule_test"]} == names
    [expected] = firing["promql_expr_test"]
    assert {re.findall(r'"(\w+)"', each["labels"])[0] for each in expected["exp_samples"]} == names


def test_what_is_asked_for_exists(client: Client, db: None, settings: Settings) -> None:
    settings.METRICS_TOKEN = "a-long-secret"
    ledger.record(ledger.check())
    StatusHour.objects.create(part=Part.MAIL, hour=timezone.now(), checks=1)
    response = client.get("/metrics", headers={"Authorization": "Bearer a-long-secret"})
    known = set(OTHERS)
    for family in text_string_to_metric_families(response.content.decode()):
        known |= {family.name, *(f"{family.name}_{end}" for end in ("total", "bucket", "info"))}

    for expression in expressions():
        bare = re.sub(r'"[^"]*"|\{[^}]*\}', "", expression)
        for name in re.findall(r"\b(?:gigarouter|process|probe)_\w+|\bup\b", bare):
            assert name in known, expression
