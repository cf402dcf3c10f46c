"""Compose, systemd and Kubernetes start the same processes, and take the files of deploy/."""

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

DEPLOY = Path(settings.BASE_DIR) / "deploy"
PYTHON = "/opt/gigarouter/.venv/bin/python"
PROCESSES = {"prepare", "web", "beat", "house", "fetch", "worker"}


# Any: YAML documents.
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def manifests() -> list[dict[str, Any]]:
    paths = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    documents = [each for path in paths for each in yaml.safe_load_all(path.read_text())]
    return [each for each in documents if each["kind"] != "Kustomization"]


def normal(command: str) -> str:
    """A command without what has to differ: where it listens, and how variables are written."""
    command = command.replace(PYTHON, "python3").replace("%%", "%")
    command = re.sub(r"\$\{MODELS(:-auto)?\}|\$\(MODELS\)", "MODELS", command)
    return re.sub(r"--host \S+ --port \S+", "--host HOST --port PORT", command)


def joined(command: list[str]) -> str:
    return normal(" ".join(command))


def of_compose() -> dict[str, str]:
    services = compose()["services"]
    assert services["web1"]["command"] == services["web2"]["command"]
    assert services["worker"]["command"] == services["worker-gpu"]["command"]
    names = {name: "web1" if name == "web" else name for name in PROCESSES}
    return {name: joined(services[service]["command"]) for name, service in names.items()}


def of_systemd() -> dict[str, str]:
    found = {}
    for name in PROCESSES:
        [unit] = (DEPLOY / "systemd").glob(f"gigarouter-{name}*.service")
        [line] = re.findall(r"^ExecStart=(.*)$", unit.read_text(), flags=re.MULTILINE)
        found[name] = normal(line)
    return found


def of_kubernetes() -> dict[str, str]:
    found = {}
    for manifest in manifests():
        if manifest["kind"] in {"Deployment", "Job"}:
            [container] = manifest["spec"]["template"]["spec"]["containers"]
            found[manifest["metadata"]["name"]] = joined(container["command"])
    return found


def test_all_start_the_same_processes() -> None:
    assert of_compose() == of_systemd() == of_kubernetes()


def test_the_image_starts_a_web_process_by_itself() -> None:
    [command] = re.findall(
        r"^CMD (.*config\.server.*)$", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE
    )

    assert joined(yaml.safe_load(command)) == of_compose()["web"]


def named_variables() -> Iterator[str]:
    example = (DEPLOY / "site.env.example").read_text()
    yield from re.findall(r"^([A-Z0-9_]+)=", example, flags=re.MULTILINE)
    for manifest in manifests():
        yield from manifest.get("data", {})
        yield from manifest.get("stringData", {})
    for name, service in compose()["services"].items():
        if name not in {"postgres", "caddy"}:
            yield from service.get("environment", {})


def test_only_variables_that_the_site_reads_are_set() -> None:
    example = (DEPLOY.parent / ".env.example").read_text()
    known = set(re.findall(r"^#?([A-Z0-9_]+)=", example, flags=re.MULTILINE))
    known |= {"SITE_HOST", "POSTGRES_PASSWORD", "COMPOSE_PROFILES"}  # of compose.yaml itself

    assert [each for each in named_variables() if each not in known] == []


def test_nothing_runs_as_root() -> None:
    for manifest in manifests():
        if manifest["kind"] in {"Deployment", "Job"}:
            assert manifest["spec"]["template"]["spec"]["securityContext"]["runAsNonRoot"]
    for unit in (DEPLOY / "systemd").glob("*.service"):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read(unit)
        assert parser["Service"]["User"] == "gigarouter", unit
    stages = re.split(r"^FROM ", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    last_users = {
        stage.split()[2]: re.findall(r"^USER (.*)$", stage, flags=re.MULTILINE)[-1:]
        for stage in stages[1:]
    }
    assert last_users["web"] == last_users["worker"] == last_users["tools"] == ["10001:10001"]


@pytest.mark.parametrize("manifest", manifests(), ids=lambda each: each["kind"])
def test_kubernetes_takes_each_manifest(manifest: dict[str, Any]) -> None:
    validation = pytest.importorskip("kubernetes_validate")
    if manifest["kind"] == "ScaledObject":
        pytest.skip("KEDA's schema is not among Kubernetes' own")

    validation.validate(manifest, "1.31", strict=True)


def test_compose_takes_its_file() -> None:
    specification = pytest.importorskip("compose_spec")

    specification.ComposeSpecification.model_validate(compose())


def test_kustomize_builds() -> None:
    kubectl = shutil.which("kubectl") or pytest.skip("needs kubectl")

    done = run(kubectl, "kustomize", str(DEPLOY / "kubernetes"))

    assert len(list(yaml.safe_load_all(done))) == len(manifests()) - 2  # all but the secrets


def test_systemd_takes_each_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze") or pytest.skip("needs systemd-analyze")
    for unit in (DEPLOY / "systemd").iterdir():
        # As it would be on a machine that has the site.
        text = unit.read_text().replace(PYTHON, sys.executable)
        (tmp_path / unit.name.replace("@.", "@8001.")).write_text(text)
    for name in ("web@8002", "worker@1"):
        source = tmp_path / f"gigarouter-{name.split('@')[0]}@8001.service"
        (tmp_path / f"gigarouter-{name}.service").write_text(source.read_text())

    run(analyze, "verify", "--man=no", *sorted(map(str, tmp_path.iterdir())))


def test_caddy_takes_its_file(tmp_path: Path) -> None:
    caddy = shutil.which("caddy") or pytest.skip("needs Debian's package caddy")
    environ = {
        "SITE_HOST": "localhost",
        "WEB_PROCESSES": "127.0.0.1:8001 127.0.0.1:8002",
        "HOME": str(tmp_path),
    }

    options = ["--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"]
    run(caddy, "validate", *options, environ=environ)


def test_the_firewall_takes_its_rules() -> None:
    nft = shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin") or pytest.skip("needs nftables")

    run(nft, "--check", "--file", str(DEPLOY / "fetch-egress.nft"))


def run(*command: str, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
