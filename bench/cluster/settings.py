"""Of the process that runs the cluster: the commands of bench, and the machines' bucket."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as SITE_APPS
from config.settings import LOGGING

INSTALLED_APPS = [*SITE_APPS, "bench"]
# Of the bucket: a line for every object.
LOGGING["loggers"]["werkzeug"] = {"level": "WARNING"}
