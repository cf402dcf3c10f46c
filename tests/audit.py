"""Compares the pinned packages with PyPI's advisories: `python -m tests.audit`, by `make check`.

Exit status 1 names packages with known vulnerabilities. Where the advisories can't be had (no
network, or a registry that has none) it says "skipped" and passes: a check that fails whenever a
network does would be switched off.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT_DIR = Path(__file__).resolve().parent.parent
TIMEOUT_S = 120
# The pins of packages that PyPI does not have in the version we use (a CPU build of torch, say) are
# not found even with a network; most of the others are.
LEAST_FOUND = 0.5


@dataclass(frozen=True)
class Finding:
    package: str
    version: str
    advisory: str
    fixed_in: str

    def __str__(self) -> str:
        fix = f"fixed in {self.fixed_in}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version}: {self.advisory} ({fix})"


class NotAudited(Exception):
    pass


def findings(report: str) -> list[Finding]:
    """What pip-audit has written as JSON; raises NotAudited if it knows too few of the packages."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        raise NotAudited("the advisories cannot be read") from error
    found = [package for package in packages if "skip_reason" not in package]
    if len(found) < LEAST_FOUND * max(1, len(packages)):
        raise NotAudited(f"advisories are known for {len(found)} of {len(packages)} packages")
    return [
        Finding(
            package["name"],
            package["version"],
            advisory["id"],
            ", ".join(advisory["fix_versions"]),
        )
        for package in found
        for advisory in package["vulns"]
    ]


def run_pip_audit() -> str:
    """Its JSON; "" if it could not ask. Raises NotAudited if it takes too long."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt"]
    command += ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT_DIR,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise NotAudited(f"no answer in {TIMEOUT_S} s") from error
    return done.stdout


def main(arguments: Sequence[str] = ()) -> int:
    """`arguments`: a file with a report, in place of asking for one."""
    try:
        found = findings(Path(arguments[0]).read_text() if arguments else run_pip_audit())
    except NotAudited as error:
        print(f"pip-audit: skipped, no network ({error})")
        return 0
    for finding in found:
        print(finding)
    print(f"pip-audit: {len(found)} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
