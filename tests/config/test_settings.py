"""The environment's variables are documented, and production is strict."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.middleware import headers
from config.strictness import refuse_open_hosts, refuse_weak_secret

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
    who_runs_a_command = 'os.environ.get("SUDO_USER")'  # sudo sets it; no setting of the site

    for package in packages:
        for path in (Path(settings.BASE_DIR) / package).rglob("*.py"):
            code = path.read_text().replace(who_runs_a_command, "")
            assert "os.environ" not in code, path


def test_the_policy_allows_nothing_inline() -> None:
    assert "unsafe" not in headers.POLICY
    assert "default-src 'self'" in headers.POLICY


WEAK_SECRETS = ["", "short", "a" * 80, "django-insecure-" + "x7Gk2Lm9Qw" * 5, "changeme" * 10]
RANDOM_SECRET = "x7Gk2Lm9QwPz4Rt8Vb1Nc6Yd3Hf5Js0AeUiOx7Gk2Lm9QwPz4Rt8"


@pytest.mark.parametrize("secret", WEAK_SECRETS)
def test_a_weak_secret_key_is_refused_on_a_real_site(secret: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY"):
        refuse_weak_secret(secret, is_development=False)
    refuse_weak_secret(secret, is_development=True)
    refuse_weak_secret(RANDOM_SECRET, is_development=False)


@pytest.mark.parametrize("host", ["*", "*.example.com", ".", ".com", ""])
def test_hosts_that_let_anybody_in_are_refused_on_a_real_site(host: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_HOSTS"):
        refuse_open_hosts(["example.com", host], is_development=False)
    refuse_open_hosts([host], is_development=True)
    refuse_open_hosts(["example.com", ".example.com", "[::1]"], is_development=False)


def test_no_host_at_all_is_refused_on_a_real_site() -> None:
    with pytest.raises(ImproperlyConfigured, match="ALLOWED_HOSTS"):
        refuse_open_hosts([], is_development=False)


def check_deploy(**variables: str) -> "subprocess.CompletedProcess[str]":
    production = {
        "DEBUG": "0",
        "ADMIN_SECOND_FACTOR": "1",  # which tests are spared
        "HTTPS": "1",
        "SECRET_KEY": RANDOM_SECRET,
        "ALLOWED_HOSTS": "example.com",
        "CSRF_TRUSTED_ORIGINS": "https://example.com",
        "EMAIL_URL": "smtp+tls://user:password@example.com:587",
        "OPERATOR_NAME": "Example",
        "CONTACT_EMAIL": "hello@example.com",
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=settings.BASE_DIR,
        env=os.environ | production | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_fit_site_passes_the_check_for_production() -> None:
    done = check_deploy()

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "config.E001"),
        ({"TRUSTED_PROXIES": "10.0.0.0/8,::/0"}, "config.E001"),
        ({"HTTP_CONNECTIONS": "0"}, "config.E002"),
        ({"HTTP_CONNECTIONS_PER_ADDRESS": "4000"}, "config.W001"),
        ({"HTTP_KEEP_ALIVE_S": "7200", "BODY_MIN_BYTES_PER_S": "0"}, "config.W003"),
        ({"HSTS_PRELOAD": "1", "HTTPS": "0"}, "config.W004"),
        ({"SECURITY_CONTACT": "ask the operator"}, "config.W005"),
        ({"CONTACT_EMAIL": ""}, "config.W006"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"SECRET_KEY": "a" * 60}, "SECRET_KEY"),
        ({"TRUSTED_PROXIES": "nginx"}, "TRUSTED_PROXIES"),
    ],
)
def test_the_check_for_production_knows_each_setting_of_the_front_door(
    variables: dict[str, str], message: str
) -> None:
    done = check_deploy(**variables)

    assert done.returncode == 1
    assert message in done.stderr
