"""The site's settings with what only a measurement needs."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as SITE_APPS
from config.settings import env

INSTALLED_APPS = [*SITE_APPS, "bench"]
ROOT_URLCONF = "bench.pages.urls"
if env.bool("BENCH_UNCACHED", default=False):
    PAGE_CACHE_S = 0
# One worker's way to load models (bench.engine.idle_encoder).
if env.bool("BENCH_IDLE_ENCODER", default=False):
    ENCODER_LOADER = "bench.engine.idle_encoder.load"
