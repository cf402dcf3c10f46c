"""Of the process that breaks a site: the commands of bench, and the site's files to look at.

The site itself, in a folder beside the engines, runs with `config.settings`.
"""

from config.settings import *  # noqa: F403
from config.settings import DATA_DIR, STORAGES
from config.settings import INSTALLED_APPS as SITE_APPS

INSTALLED_APPS = [*SITE_APPS, "bench"]
SITE_DIR = DATA_DIR / "site"
# The site's own pictures, to count them.
MEDIA_ROOT = SITE_DIR / "media"
STORAGES["default"] = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"location": MEDIA_ROOT, "base_url": None},
}
