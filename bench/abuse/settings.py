"""The attacked site's settings: a production site's, in an internet of its own."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as SITE_APPS
from config.settings import env

INSTALLED_APPS = [*SITE_APPS, "bench"]
OUTBOUND_CLIENT = "bench.abuse.far_client.client"
# Where all far hosts are in truth: a port of this machine.
FAR_PORT = env.int("BENCH_FAR_PORT", default=0)
